import type { SortCriterion } from './definition.js'
import type { Result } from '../expressions/evaluation.js'
import type { Inference, ValueState } from '../associations/inference.js'
import type { Field } from '../associations/model.js'

/** The context in which values are sorted. */
export interface SortContext {
  inference: Inference
  /** Evaluates the expression of a sort criterion for the tuples with one value. */
  evaluate: (expression: string, element: number) => Result
  /** Counts the tuples with one value. */
  countOf: (element: number) => number
}

type Compare = (a: number, b: number) => number

const STATE_ORDER: ValueState[] = ['L', 'S', 'O', 'A', 'X', 'XS', 'XL']

/**
 * Sorts the element numbers of a field by the first criterion. It combines state, expression, frequency, number, text
 * and load order, in this order, like the engine. Missing values come last.
 */
export function sortElements (field: Field, elements: number[], criteria: SortCriterion[], context: SortContext): number[] {
  const compares = criteria.slice(0, 1).flatMap(criterion => listCompares(field, criterion, context))
  return [...elements].sort((a, b) => {
    if (a < 0 || b < 0) return Number(a < 0) - Number(b < 0)
    for (const compare of compares) {
      const order = compare(a, b)
      if (order !== 0) return order
    }
    return a - b
  })
}

/** Compares results of a measure in a direction: 1 ascending, -1 descending. Null comes last in both. */
export function compareResults (a: Result, b: Result, direction: number): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null)
  if (typeof a === 'number' && typeof b === 'number') return direction * (a - b)
  return direction * String(a).localeCompare(String(b), 'en')
}

/** Returns the indicator of a column's direction: `A` ascending, `D` descending, `N` not sorted. */
export function indicateDirection (criterion: SortCriterion | undefined, isReversed: boolean): 'A' | 'D' | 'N' {
  if (criterion === undefined) return 'N'
  const { qSortByState, qSortByExpression, qSortByFrequency, qSortByNumeric, qSortByAscii, qSortByLoadOrder } = criterion
  const direction =
    [qSortByState, qSortByExpression, qSortByFrequency, qSortByNumeric, qSortByAscii, qSortByLoadOrder].find(value => value !== 0) ?? 0
  if (direction === 0) return 'N'
  return (direction > 0) === isReversed ? 'D' : 'A'
}

function listCompares (field: Field, criterion: SortCriterion, { inference, evaluate, countOf }: SortContext): Compare[] {
  const numberOf = (element: number): number => field.values[element]?.number ?? NaN
  const textOf = (element: number): string => field.values[element]?.text ?? ''
  const rankOf = (element: number): number => STATE_ORDER.indexOf(inference.stateOf(field, element))
  const results = new Map<number, Result>()
  const resultOf = (element: number): Result => {
    const known = results.get(element)
    if (known !== undefined) return known
    const result = evaluate(criterion.qExpression.qv, element)
    results.set(element, result)
    return result
  }
  const candidates: [direction: number, compare: Compare][] = [
    [criterion.qSortByState, (a, b) => rankOf(a) - rankOf(b)],
    [criterion.qSortByExpression, (a, b) => compareResults(resultOf(a), resultOf(b), 1)],
    [criterion.qSortByFrequency, (a, b) => countOf(a) - countOf(b)],
    // Values without a number are equal here, so the next criterion decides.
    [criterion.qSortByNumeric, (a, b) => numberOf(a) - numberOf(b) || 0],
    [criterion.qSortByAscii, (a, b) => textOf(a).localeCompare(textOf(b), 'en')],
    [criterion.qSortByLoadOrder, (a, b) => a - b]
  ]
  return candidates.filter(([direction]) => direction !== 0).map(([direction, compare]) => (a, b) => Math.sign(direction) * compare(a, b))
}
