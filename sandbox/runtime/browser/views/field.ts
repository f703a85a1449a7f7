import type { App } from '../app.js'
import { EmbedError } from '../embed-error.js'
import type { Frame } from '../frame.js'
import { getNebula } from '../nebula.js'
import type { EmbedProps } from '../props.js'
import type { Drawn } from './views.js'

/** Draws the list of values of `field-id`, or of the master dimension `library-id`. */
export async function drawField (frame: Frame, app: App, { fieldId, libraryId }: EmbedProps): Promise<Drawn> {
  if (!fieldId && !libraryId) {
    throw new EmbedError('analytics/field needs to know the field.', 'Add the attribute field-id with the name of a field, or library-id with the id of a master dimension.')
  }
  frame.showContent()
  const field = await getNebula(app).field(libraryId ? { qLibraryId: libraryId, type: 'dimension' } : fieldId ?? '')
  await field.mount(frame.content, { search: 'toggle', toolbar: true })
  return { destroy: () => field.unmount() }
}
