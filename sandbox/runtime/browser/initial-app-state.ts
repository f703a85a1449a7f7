import type { HostConfig } from '@qlik/api/auth'
import type { Doc } from '@qlik/api/qix'
import { addInitialAppAction } from 'runtime:qix'

/** Which session: host, app and identity. */
export interface AppReference { appId: string, identity?: string, hostConfig?: HostConfig }

/** Selections in one field, as written in `<qlik-initial-selections>`. */
export interface FieldSelection { name: string, state?: string, values?: { qText: string }[], search?: { match: string } }

/** What `<qlik-initial-selections>` asks for; applied in this order: clear, bookmark, fields. */
export interface InitialAppState { clearSelections?: boolean, bookmarkId?: string, fieldSelections?: FieldSelection[] }

/** Applies selections when the app is opened, before anything is drawn from it. */
export function setInitialAppState (app: AppReference, state: InitialAppState): void {
  addInitialAppAction(readReference(app), async doc => {
    // A selection that the app refuses must not keep the app from opening.
    await applyState(doc, state).catch((error: unknown) => console.error('The initial selections could not be applied.', error))
  })
}

/** Runs `callback` with the document when the app is opened, before anything is drawn; a failure of the callback is only logged. */
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

// The key of a session is computed from these; absent and undefined must not differ.
function readReference ({ appId, identity, hostConfig }: AppReference) {
  return { appId, ...identity === undefined ? {} : { identity }, ...hostConfig === undefined ? {} : { hostConfig } }
}
