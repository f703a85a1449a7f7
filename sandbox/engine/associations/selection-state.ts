/** The values selected in one field, by element number. A locked selection cannot be changed. */
export interface FieldSelection {
  elements: ReadonlySet<number>
  isLocked: boolean
}

/** All selections at one moment, by field name. Fields without a selection have no entry. Never changed: replaced. */
export type SelectionState = ReadonlyMap<string, FieldSelection>

/** The state without any selection. */
export const NO_SELECTIONS: SelectionState = new Map()

/** Returns the state in which exactly `elements` are selected in a field; no elements clear it. */
export function withSelection (state: SelectionState, field: string, elements: Iterable<number>): SelectionState {
  const next = new Map(state)
  const set = new Set(elements)
  if (set.size === 0) next.delete(field)
  else next.set(field, { elements: set, isLocked: false })
  return next
}

/** Returns the elements selected in a field after those of `elements` were switched. */
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

/** Returns the state with every selection cleared, save for the locked ones. */
export function withoutUnlocked (state: SelectionState): SelectionState {
  return new Map([...state].filter(([, selection]) => selection.isLocked))
}

/** Tells whether two states select the same. */
export function equalStates (a: SelectionState, b: SelectionState): boolean {
  return a.size === b.size && [...a].every(([field, { elements, isLocked }]) => {
    const other = b.get(field)
    return (
      other?.isLocked === isLocked && other.elements.size === elements.size && [...elements].every(element => other.elements.has(element))
    )
  })
}
