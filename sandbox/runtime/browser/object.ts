import type { Doc, GenericObject } from '@qlik/api/qix'
import { EmbedError } from './embed-error.js'

/** Returns the app's object `id`. Throws an EmbedError if it does not exist or is hidden from this user. */
export async function getObject (doc: Doc, id: string): Promise<GenericObject> {
  const missing = `There is no object «${id}» in this app, or you have no access to it.`
  const remedy = 'Check the attribute object-id, and that it belongs to the app of app-id.'
  try {
    const object = await doc.getObject<GenericObject | null | undefined>(id)
    // For an unknown id the engine returns a null handle instead of an error.
    if (object === null || object === undefined || object.handle === null) throw new EmbedError(missing, remedy)
    return object
  } catch (error) {
    if (error instanceof EmbedError) throw error
    throw new EmbedError(missing, remedy, { cause: error })
  }
}
