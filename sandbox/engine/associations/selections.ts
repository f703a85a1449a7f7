import { infer, type Inference } from './inference.js'
import type { Field, Model } from './model.js'
import { equalStates, NO_SELECTIONS, withoutUnlocked, withSelection, type SelectionState } from './selection-state.js'

/**
 * The selections of a session: the current state, the steps back and forward, and the state before a modal selection.
 */
export class Selections {
  readonly #model: Model
  #past: SelectionState[] = []
  #future: SelectionState[] = []
  #beforeModal: SelectionState | undefined
  #inference: Inference

  constructor (model: Model) {
    this.#model = model
    this.#inference = infer(model, NO_SELECTIONS)
  }

  /** The consequences of the current selections. */
  get inference (): Inference { return this.#inference }

  /** The current selections. */
  get state (): SelectionState { return this.#inference.state }

  get backCount (): number { return this.#past.length }
  get forwardCount (): number { return this.#future.length }

  /**
   * Selects exactly `elements` in a field; without elements the selection is cleared. Selections in other fields that
   * would exclude all of them are dropped. Returns false if locked selections prevent it.
   */
  select (field: Field, elements: Iterable<number>): boolean {
    if (this.state.get(field.name)?.isLocked === true) return false
    const wanted = withSelection(this.state, field.name, elements)
    const chosen = [
      wanted,
      this.#dropConflicting(wanted, field),
      withSelection(withoutUnlocked(this.state), field.name, wanted.get(field.name)?.elements ?? [])
    ].find(state => infer(this.#model, state).possible.length > 0)
    if (chosen === undefined) return false
    this.replace(chosen)
    return true
  }

  /** Replaces the current state. */
  replace (state: SelectionState): void {
    if (equalStates(state, this.state)) return
    if (this.#beforeModal === undefined) {
      this.#past.push(this.state)
      this.#future = []
    }
    this.#inference = infer(this.#model, state)
  }

  /** Goes one step back, if possible. */
  back (): void {
    this.#step(this.#past, this.#future)
  }

  /** Goes one step forward, if possible. */
  forward (): void {
    this.#step(this.#future, this.#past)
  }

  /** Starts a modal selection. All changes until its end are one step. */
  beginModal (): void {
    this.#beforeModal = this.state
  }

  /** Reverts the selections made since the modal selection started. */
  resetModal (): void {
    if (this.#beforeModal !== undefined) this.replace(this.#beforeModal)
  }

  /** Ends the modal selection, and keeps or reverts what was selected in it. */
  endModal (isAccepted: boolean): void {
    const before = this.#beforeModal
    if (before === undefined) return
    if (!isAccepted) this.replace(before)
    this.#beforeModal = undefined
    if (equalStates(before, this.state)) return
    this.#past.push(before)
    this.#future = []
  }

  /**
   * The consequences for an object in modal selection, for which the selections in `fields` are those before it
   * started.
   */
  inferModal (fields: Iterable<string>): Inference {
    let state = this.state
    for (const field of fields) state = withSelection(state, field, this.#beforeModal?.get(field)?.elements ?? [])
    return infer(this.#model, state)
  }

  #dropConflicting (state: SelectionState, field: Field): SelectionState {
    const own = state.get(field.name)
    if (own === undefined) return state
    return new Map([...state].filter(([name, selection]) =>
      name === field.name || selection.isLocked || infer(this.#model, new Map([[field.name, own], [name, selection]])).possible.length > 0))
  }

  #step (from: SelectionState[], to: SelectionState[]): void {
    const state = from.pop()
    if (state === undefined) return
    to.push(this.state)
    this.#inference = infer(this.#model, state)
  }
}
