import type { Doc, GenericObject } from '@qlik/api/qix'
import { EmbedError } from './embed-error.js'

/** The app's object `id`; throws an EmbedError when the app has none or hides it from this user. */
export async function getObject (doc: Doc, id: string): Promise<GenericObject> {
  const missing = `There is no object «${id}» in this app, or you have no access to it.`
  const remedy = 'Check the attribute object-id, and that it belongs to the app of app-id.'
  try {
    const object = await doc.getObject<GenericObject | null | undefined>(id)
    // The engine answers a null handle, not an error, for an id it does not know.
    if (object === null || object === undefined || object.handle === null) throw new EmbedError(missing, remedy)
    return object
  } catch (error) {
    if (error instanceof EmbedError) throw error
    throw new EmbedError(missing, remedy, { cause: error })
  }
}
