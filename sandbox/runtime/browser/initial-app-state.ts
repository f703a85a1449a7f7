import type { HostConfig } from '@qlik/api/auth'
import type { Doc } from '@qlik/api/qix'
import { addInitialAppAction } from 'runtime:qix'

/** A session, identified by host, app and identity. */
export interface AppReference { appId: string, identity?: string, hostConfig?: HostConfig }

/** Selections in one field, as written in `<qlik-initial-selections>`. */
export interface FieldSelection { name: string, state?: string, values?: { qText: string }[], search?: { match: string } }

/** The actions of `<qlik-initial-selections>`, in this order: clear, bookmark, fields. */
export interface InitialAppState { clearSelections?: boolean, bookmarkId?: string, fieldSelections?: FieldSelection[] }

/** Applies selections after the app has been opened and before anything is drawn. */
export function setInitialAppState (app: AppReference, state: InitialAppState): void {
  addInitialAppAction(readReference(app), async doc => {
    // If the app refuses a selection, it is opened anyway.
    await applyState(doc, state).catch((error: unknown) => console.error('The initial selections could not be applied.', error))
  })
}

/**
 * Calls `callback` with the document after the app has been opened and before anything is drawn. Its errors are only
 * logged.
 */
export function addOnAppOpenCallback (
  app: AppReference,
  callback: (props: { doc: Doc, appId: string, identity?: string }) => Promise<unknown>
): void {
  addInitialAppAction(readReference(app), async doc => {
    const { appId, identity } = app
    await callback({ doc, appId, ...(identity === undefined ? {} : { identity }) }).catch((error: unknown) =>
      console.error('The callback of qlik-app-open-action failed.', error)
    )
  })
}

async function applyState (doc: Doc, { clearSelections, bookmarkId, fieldSelections = [] }: InitialAppState): Promise<void> {
  if (clearSelections === true) await doc.clearAll()
  if (bookmarkId !== undefined) await doc.applyBookmark(bookmarkId)
  for (const { name, state, values, search } of fieldSelections) {
    const field = await doc.getField(name, state ?? '')
    if (values !== undefined) await field.selectValues(values, false, false)
    else if (search !== undefined) await field.select(search.match, false, 0)
  }
}

// The session's key is computed from these properties, and undefined differs from absent.
function readReference ({ appId, identity, hostConfig }: AppReference) {
  return { appId, ...identity === undefined ? {} : { identity }, ...hostConfig === undefined ? {} : { hostConfig } }
}
