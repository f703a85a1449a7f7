import { randomUUID } from 'node:crypto'
import type { ObjectProperties } from '../data/app.js'
import { EngineError, ErrorCode } from './error.js'
import { copyJson, isObject, type JsonObject } from './json.js'
import { applyPatches, type Patch } from './patch.js'

/** An object of an app as one session sees it. Changes and new objects of a session end with it. */
export interface GenericObject {
  id: string
  type: string
  properties: ObjectProperties
  /** Changes that affect the layout but not the properties. */
  softPatches: Patch[]
  childIds: string[]
  isSessionObject: boolean
  /** Current searches, by the path of the list object. */
  searches: Map<string, string>
}

/** Returns the properties of an object with its soft patches. */
export function effectiveProperties (object: GenericObject): ObjectProperties {
  return object.softPatches.length === 0 ? object.properties : applyPatches(object.properties, object.softPatches)
}

/** The objects of a session by id: copies of the app's saved objects, and what the session created. */
export class ObjectStore {
  readonly #objects = new Map<string, GenericObject>()

  constructor (saved: ObjectProperties[]) {
    for (const properties of saved) this.create(copyJson(properties), false)
  }

  /** Returns an object, or undefined. */
  find (id: string): GenericObject | undefined {
    return this.#objects.get(id)
  }

  /** Lists all objects in the order in which they were added. */
  list (): GenericObject[] {
    return [...this.#objects.values()]
  }

  /** Adds an object, with a new id if `qInfo` contains none. Throws an EngineError if the id exists. */
  create (properties: JsonObject, isSessionObject: boolean): GenericObject {
    const info = isObject(properties.qInfo) ? properties.qInfo : {}
    // Clients cache objects by id beyond the end of a session, so ids must not be reused for other objects.
    const id = typeof info.qId === 'string' && info.qId !== '' ? info.qId : randomUUID()
    const type = typeof info.qType === 'string' ? info.qType : ''
    if (this.#objects.has(id)) throw new EngineError(ErrorCode.ALREADY_EXISTS, id, `The app already has an object ${id}.`)
    const object: GenericObject = {
      id,
      type,
      properties: { ...properties, qInfo: { ...info, qId: id, qType: type } },
      softPatches: [],
      childIds: listCells(properties),
      isSessionObject,
      searches: new Map()
    }
    this.#objects.set(id, object)
    return object
  }

  /** Removes an object and its children. Returns the removed ids. */
  remove (id: string): string[] {
    const object = this.#objects.get(id)
    if (object === undefined) return []
    this.#objects.delete(id)
    for (const other of this.#objects.values()) other.childIds = other.childIds.filter(childId => childId !== id)
    return [id, ...object.childIds.flatMap(childId => this.remove(childId))]
  }
}

// The children of a sheet are the charts that its cells name.
function listCells ({ cells }: JsonObject): string[] {
  return Array.isArray(cells) ? cells.flatMap(cell => isObject(cell) && typeof cell.name === 'string' ? [cell.name] : []) : []
}
