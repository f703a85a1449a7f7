/** The values selected in one field, by element number. A locked selection cannot be changed. */
export interface FieldSelection {
  elements: ReadonlySet<number>
  isLocked: boolean
}

/**
 * All selections at one time, by field name. Fields without a selection have no entry. The map is never modified, only
 * replaced.
 */
export type SelectionState = ReadonlyMap<string, FieldSelection>

/** The state without any selection. */
export const NO_SELECTIONS: SelectionState = new Map()

/** Returns the state in which exactly `elements` are selected in a field. Without elements the selection is cleared. */
export function withSelection (state: SelectionState, field: string, elements: Iterable<number>): SelectionState {
  const next = new Map(state)
  const set = new Set(elements)
  if (set.size === 0) next.delete(field)
  else next.set(field, { elements: set, isLocked: false })
  return next
}

/** Returns the selected elements of a field after toggling each of `elements`. */
export function toggleElements (state: SelectionState, field: string, elements: number[]): Set<number> {
  const selected = new Set(state.get(field)?.elements)
  for (const element of elements) if (!selected.delete(element)) selected.add(element)
  return selected
}

/** Returns the state with the selections in `fields` locked or unlocked. */
export function withLock (state: SelectionState, fields: Iterable<string>, isLocked: boolean): SelectionState {
  const next = new Map(state)
  for (const field of fields) {
    const selection = state.get(field)
    if (selection !== undefined) next.set(field, { ...selection, isLocked })
  }
  return next
}

/** Returns the state without all selections that are not locked. */
export function withoutUnlocked (state: SelectionState): SelectionState {
  return new Map([...state].filter(([, selection]) => selection.isLocked))
}

/** Whether two states contain the same selections. */
export function equalStates (a: SelectionState, b: SelectionState): boolean {
  return a.size === b.size && [...a].every(([field, { elements, isLocked }]) => {
    const other = b.get(field)
    return (
      other?.isLocked === isLocked && other.elements.size === elements.size && [...elements].every(element => other.elements.has(element))
    )
  })
}
