import type { App } from '../data/app.js'
import { EngineError, ErrorCode } from './error.js'
import { effectiveProperties, ObjectStore, type GenericObject } from './generic-object.js'
import type { Field, Model } from './associations/model.js'
import { Selections } from './associations/selections.js'

/** What a handle refers to. */
export type Target =
  | { type: 'Global' }
  | { type: 'Doc' }
  | { type: 'Field', field: Field }
  | { type: 'GenericObject' | 'GenericDimension' | 'GenericMeasure', object: GenericObject }

/** Handles whose layouts changed, and handles that were closed, since the last call of `takeChanges`. */
export interface Changes {
  change: number[]
  close: number[]
}

/** The handle of the session itself, which clients know in advance. */
export const GLOBAL_HANDLE = -1

/** The handle of the app, the first that the engine assigns. Clients rely on it when they reconnect. */
export const DOC_HANDLE = 1

const DATA = /"(qHyperCubeDef|qListObjectDef|qSelectionObjectDef|qStringExpression|qValueExpression)":/
const LISTS = /"(qAppObjectListDef|qDimensionListDef|qMeasureListDef|qChildListDef)":/

/**
 * An engine session: the data, selections and objects of one user in one app. All sockets with the same user, app and
 * identity share it, including its handles, so that a socket that reconnects finds everything as before.
 */
export class Session {
  readonly app: App
  readonly model: Model
  readonly selections: Selections
  readonly objects: ObjectStore
  isOpen = false
  #modalObject: GenericObject | undefined
  readonly #targets = new Map<number, Target>([[GLOBAL_HANDLE, { type: 'Global' }]])
  readonly #handles = new Map<string, number>()
  #lastHandle = DOC_HANDLE
  readonly #changed = new Set<number>()
  readonly #closed = new Set<number>()

  constructor (app: App, model: Model) {
    this.app = app
    this.model = model
    this.selections = new Selections(model)
    this.objects = new ObjectStore(app.objects)
  }

  /** The object in modal selection, if there is one. */
  get modalObject (): GenericObject | undefined { return this.#modalObject }

  /** Opens the app. After this the handle of the app works. */
  open (): void {
    this.isOpen = true
    this.#targets.set(DOC_HANDLE, { type: 'Doc' })
  }

  /** Returns what a handle refers to. Throws an EngineError if the session never assigned it or it was closed. */
  getTarget (handle: unknown): Target {
    const target = typeof handle === 'number' ? this.#targets.get(handle) : undefined
    if (target === undefined) {
      throw new EngineError(
        ErrorCode.INVALID_REQUEST,
        'handle',
        `Invalid handle: the session has nothing with the handle ${JSON.stringify(handle)}.`
      )
    }
    return target
  }

  /** Returns the handle of an object or field, always the same one. */
  getHandle (target: Exclude<Target, { type: 'Global' | 'Doc' }>): number {
    const key = `${target.type}/${'field' in target ? target.field.name : target.object.id}`
    const known = this.#handles.get(key)
    if (known !== undefined) return known
    const handle = ++this.#lastHandle
    this.#handles.set(key, handle)
    this.#targets.set(handle, target)
    return handle
  }

  /** Starts an object's modal selection. Throws an EngineError if another object is in one. */
  beginModal (object: GenericObject): void {
    this.requireSelectable(object)
    if (this.#modalObject !== undefined) return
    this.#modalObject = object
    this.selections.beginModal()
    this.markChanged(object)
  }

  /** Ends the current modal selection, and keeps or reverts what was selected in it. */
  endModal (isAccepted: boolean): void {
    if (this.#modalObject === undefined) return
    this.#modalObject = undefined
    this.selections.endModal(isAccepted)
    this.markDataChanged()
  }

  /**
   * Throws an EngineError if another object than `object` is in modal selection, because then only that object may
   * select.
   */
  requireSelectable (object?: GenericObject): void {
    if (this.#modalObject === undefined || this.#modalObject === object) return
    throw new EngineError(
      ErrorCode.MODAL_OBJECT,
      this.#modalObject.id,
      'The operation is not possible while another object is in modal selection. End that selection, or call AbortModal.'
    )
  }

  /** Removes an object and closes its handles. Returns false if it does not exist. */
  remove (id: string): boolean {
    if (this.#modalObject?.id === id) this.endModal(true)
    const removed = this.objects.remove(id)
    for (const [handle, target] of this.#targets) {
      if (!('object' in target) || !removed.includes(target.object.id)) continue
      this.#targets.delete(handle)
      this.#handles.delete(`${target.type}/${target.object.id}`)
      this.#closed.add(handle)
    }
    this.markListsChanged()
    return removed.length > 0
  }

  /** Records that the layout of one object changed. */
  markChanged (object: GenericObject): void {
    this.#markWhere(candidate => candidate === object)
  }

  /** Records that the selections changed, and with them every layout that contains data. */
  markDataChanged (): void {
    this.#markWhere(object => DATA.test(JSON.stringify(effectiveProperties(object))))
  }

  /** Records that an object was added, removed or changed, and with it every list of objects. */
  markListsChanged (): void {
    this.#markWhere(object => LISTS.test(JSON.stringify(object.properties)))
  }

  /** Returns the changes since the last call. */
  takeChanges (): Changes {
    const changes = { change: [...this.#changed].filter(handle => !this.#closed.has(handle)), close: [...this.#closed] }
    this.#changed.clear()
    this.#closed.clear()
    return changes
  }

  #markWhere (matches: (object: GenericObject) => boolean): void {
    for (const [handle, target] of this.#targets) {
      if ('object' in target && matches(target.object)) this.#changed.add(handle)
    }
  }
}
