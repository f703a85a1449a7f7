import type { App } from '../data/app.js'
import { EngineError, ErrorCode } from './error.js'
import { effectiveProperties, ObjectStore, type GenericObject } from './generic-object.js'
import type { Field, Model } from './associations/model.js'
import { Selections } from './associations/selections.js'

/** What a handle stands for. */
export type Target =
  | { type: 'Global' }
  | { type: 'Doc' }
  | { type: 'Field', field: Field }
  | { type: 'GenericObject' | 'GenericDimension' | 'GenericMeasure', object: GenericObject }

/** Handles whose layouts changed, and handles that ended, since they were last taken. */
export interface Changes {
  change: number[]
  close: number[]
}

/** The handle of the session itself, known to clients without asking. */
export const GLOBAL_HANDLE = -1

/** The handle of the app, the first the engine gives away. Clients take it for granted when they reconnect. */
export const DOC_HANDLE = 1

const DATA = /"(qHyperCubeDef|qListObjectDef|qSelectionObjectDef|qStringExpression|qValueExpression)":/
const LISTS = /"(qAppObjectListDef|qDimensionListDef|qMeasureListDef|qChildListDef)":/

/**
 * An engine session: one user's data, selections and objects in one app. All sockets of the same user, app and identity share it,
 * handles included, so that a socket that comes back finds what it left.
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

  /** The object that is in modal selection, if one is. */
  get modalObject (): GenericObject | undefined { return this.#modalObject }

  /** Opens the app: from now on the handle of the app works. */
  open (): void {
    this.isOpen = true
    this.#targets.set(DOC_HANDLE, { type: 'Doc' })
  }

  /** Returns what a handle stands for. Throws an EngineError when the session never gave it away, or it ended. */
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

  /** Returns the handle of an object or field: the same one each time. */
  getHandle (target: Exclude<Target, { type: 'Global' | 'Doc' }>): number {
    const key = `${target.type}/${'field' in target ? target.field.name : target.object.id}`
    const known = this.#handles.get(key)
    if (known !== undefined) return known
    const handle = ++this.#lastHandle
    this.#handles.set(key, handle)
    this.#targets.set(handle, target)
    return handle
  }

  /** Lets an object begin a modal selection. Throws an EngineError while another one is in it. */
  beginModal (object: GenericObject): void {
    this.requireSelectable(object)
    if (this.#modalObject !== undefined) return
    this.#modalObject = object
    this.selections.beginModal()
    this.markChanged(object)
  }

  /** Ends the modal selection there is: keeps or takes back what was selected in it. */
  endModal (isAccepted: boolean): void {
    if (this.#modalObject === undefined) return
    this.#modalObject = undefined
    this.selections.endModal(isAccepted)
    this.markDataChanged()
  }

  /** Throws an EngineError while an object other than `object` is in modal selection: only that one may select then. */
  requireSelectable (object?: GenericObject): void {
    if (this.#modalObject === undefined || this.#modalObject === object) return
    throw new EngineError(
      ErrorCode.MODAL_OBJECT,
      this.#modalObject.id,
      'The operation is not possible while another object is in modal selection. End that selection, or call AbortModal.'
    )
  }

  /** Removes an object and ends its handles. Returns false when there is none with this id. */
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

  /** Notes that the layout of one object changed. */
  markChanged (object: GenericObject): void {
    this.#markWhere(candidate => candidate === object)
  }

  /** Notes that selections changed: every layout with data in it did. */
  markDataChanged (): void {
    this.#markWhere(object => DATA.test(JSON.stringify(effectiveProperties(object))))
  }

  /** Notes that an object came, went or has other properties: every list of objects changed. */
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
