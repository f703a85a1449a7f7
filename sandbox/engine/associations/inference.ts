import { NULL_ELEMENT, type Field, type Model } from './model.js'
import type { SelectionState } from './selection-state.js'

/**
 * The state of a value: locked, selected, optional, alternative or excluded. XS and XL are selected or locked values
 * that selections in other fields exclude.
 */
export type ValueState = 'L' | 'S' | 'O' | 'A' | 'X' | 'XS' | 'XL'

/** The consequences of the selections: the tuples that remain, and the state of each value of each field. */
export interface Inference {
  state: SelectionState
  /** Indexes of the tuples that match all selections. */
  possible: number[]
  stateOf: (field: Field, element: number) => ValueState
}

/**
 * Computes the consequences of the selections. A value is possible if a tuple that matches all selections contains it,
 * and alternative if only the selection in its own field excludes it.
 */
export function infer (model: Model, state: SelectionState): Inference {
  const possible: number[] = []
  const alternatives = new Map<string, Set<number>>()
  const selections = [...state].flatMap(([name, selection]) => {
    const field = model.fields.get(name)
    return field === undefined ? [] : [{ field, elements: selection.elements }]
  })
  for (const tuple of model.tuples.keys()) {
    const opposed = selections.filter(({ field, elements }) => !elements.has(field.elements[tuple] ?? NULL_ELEMENT))
    if (opposed.length === 0) possible.push(tuple)
    if (opposed.length === 1 && opposed[0] !== undefined) addTo(alternatives, opposed[0].field, tuple)
  }
  const possibleElements = new Map<Field, Set<number>>()
  return {
    state,
    possible,
    stateOf (field, element) {
      const reachable = possibleElements.get(field) ?? new Set(possible.map(tuple => field.elements[tuple] ?? NULL_ELEMENT))
      possibleElements.set(field, reachable)
      const selection = state.get(field.name)
      if (selection === undefined) return reachable.has(element) ? 'O' : 'X'
      if (selection.elements.has(element)) {
        const mark = selection.isLocked ? 'L' : 'S'
        return reachable.has(element) ? mark : `X${mark}`
      }
      return alternatives.get(field.name)?.has(element) === true ? 'A' : 'X'
    }
  }
}

/** Counts the values of a field by state, under the names of `qStateCounts`. */
export function countStates (inference: Inference, field: Field): Record<string, number> {
  const counts: Record<ValueState, number> = { L: 0, S: 0, O: 0, A: 0, X: 0, XS: 0, XL: 0 }
  for (const element of field.values.keys()) counts[inference.stateOf(field, element)]++
  return {
    qLocked: counts.L,
    qSelected: counts.S,
    qOption: counts.O,
    qDeselected: 0,
    qAlternative: counts.A,
    qExcluded: counts.X,
    qSelectedExcluded: counts.XS,
    qLockedExcluded: counts.XL
  }
}

function addTo (alternatives: Map<string, Set<number>>, field: Field, tuple: number): void {
  const elements = alternatives.get(field.name) ?? new Set()
  alternatives.set(field.name, elements.add(field.elements[tuple] ?? NULL_ELEMENT))
}
