import { infer, type Inference } from './inference.js'
import type { Field, Model } from './model.js'
import { equalStates, NO_SELECTIONS, withoutUnlocked, withSelection, type SelectionState } from './selection-state.js'

/** The selections of a session: the present ones, the steps back and forward, and what a modal selection started from. */
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

  /** The conclusions of the present selections. */
  get inference (): Inference { return this.#inference }

  /** The present selections. */
  get state (): SelectionState { return this.#inference.state }

  get backCount (): number { return this.#past.length }
  get forwardCount (): number { return this.#future.length }

  /**
   * Selects exactly `elements` in a field; none clear it. Selections in other fields that leave nothing of them are dropped.
   * Returns false when locked selections forbid it.
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

  /** Puts another state in place of the present one. */
  replace (state: SelectionState): void {
    if (equalStates(state, this.state)) return
    if (this.#beforeModal === undefined) {
      this.#past.push(this.state)
      this.#future = []
    }
    this.#inference = infer(this.#model, state)
  }

  /** Goes one step back, if there is one. */
  back (): void {
    this.#step(this.#past, this.#future)
  }

  /** Goes one step forward, if there is one. */
  forward (): void {
    this.#step(this.#future, this.#past)
  }

  /** Starts a modal selection: until its end, all changes are one step. */
  beginModal (): void {
    this.#beforeModal = this.state
  }

  /** Takes back what was selected since the modal selection started. */
  resetModal (): void {
    if (this.#beforeModal !== undefined) this.replace(this.#beforeModal)
  }

  /** Ends the modal selection: keeps or takes back what was selected in it. */
  endModal (isAccepted: boolean): void {
    const before = this.#beforeModal
    if (before === undefined) return
    if (!isAccepted) this.replace(before)
    this.#beforeModal = undefined
    if (equalStates(before, this.state)) return
    this.#past.push(before)
    this.#future = []
  }

  /** The conclusions as an object in modal selection shows them: with the selections in `fields` as they were before it. */
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
