import { randomUUID } from 'node:crypto'
import type { ObjectProperties } from '../data/app.js'
import { EngineError, ErrorCode } from './error.js'
import { copyJson, isObject, type JsonObject } from './json.js'
import { applyPatches, type Patch } from './patch.js'

/** An object of an app as one session sees it. What a session changes or creates ends with the session. */
export interface GenericObject {
  id: string
  type: string
  properties: ObjectProperties
  /** Changes that show in the layout and leave the properties as they are. */
  softPatches: Patch[]
  childIds: string[]
  isSessionObject: boolean
  /** Searches under way, by the path of the list object. */
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

  /** Lists all objects, in the order they came. */
  list (): GenericObject[] {
    return [...this.#objects.values()]
  }

  /** Adds an object; without an id in `qInfo` it gets one. Throws an EngineError when the id is taken. */
  create (properties: JsonObject, isSessionObject: boolean): GenericObject {
    const info = isObject(properties.qInfo) ? properties.qInfo : {}
    // Clients remember objects by their ids beyond a session: another session must not give the same id to another object.
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

  /** Removes an object and its children. Returns the ids removed. */
  remove (id: string): string[] {
    const object = this.#objects.get(id)
    if (object === undefined) return []
    this.#objects.delete(id)
    for (const other of this.#objects.values()) other.childIds = other.childIds.filter(childId => childId !== id)
    return [id, ...object.childIds.flatMap(childId => this.remove(childId))]
  }
}

// A sheet names its charts in its cells: they are its children.
function listCells ({ cells }: JsonObject): string[] {
  return Array.isArray(cells) ? cells.flatMap(cell => isObject(cell) && typeof cell.name === 'string' ? [cell.name] : []) : []
}
