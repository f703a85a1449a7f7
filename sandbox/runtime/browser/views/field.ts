import type { App } from '../app.js'
import { EmbedError } from '../embed-error.js'
import type { Frame } from '../frame.js'
import { getNebula } from '../nebula.js'
import type { EmbedProps } from '../props.js'
import type { Drawn } from './draw.js'

/** Draws the list of values of `field-id`, or of the master dimension `library-id`. */
export async function drawField (frame: Frame, app: App, { fieldId, libraryId }: EmbedProps): Promise<Drawn> {
  if (!fieldId && !libraryId) {
    throw new EmbedError(
      'analytics/field needs to know the field.',
      'Add the attribute field-id with the name of a field, or library-id with the id of a master dimension.'
    )
  }
  if (!libraryId) await checkField(app, fieldId ?? '')
  frame.showContent()
  const field = await getNebula(app).field(libraryId ? { qLibraryId: libraryId, type: 'dimension' } : fieldId ?? '')
  await field.mount(frame.content, { search: 'toggle', toolbar: true })
  return { destroy: () => field.unmount() }
}

/** Checks the field's name first: for an unknown field, the list would only say that it is incomplete. */
async function checkField ({ doc }: App, name: string): Promise<void> {
  if (name.startsWith('=')) return
  await doc.getField(name).catch((cause: unknown) => {
    throw new EmbedError(
      `There is no field «${name}» in this app, or you have no access to it.`,
      'Check the attribute field-id: names of fields are case-sensitive.',
      { cause }
    )
  })
}
