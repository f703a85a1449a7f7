import type { Result } from '../expressions/evaluation.js'
import type { Inference } from '../associations/inference.js'
import type { Field } from '../associations/model.js'
import { formatNumber, type NumberFormat } from '../expressions/number-format.js'

/** A number as the engine writes it into JSON, which has none for "not a number". */
export function writeNumber (number: number): number | 'NaN' {
  return Number.isNaN(number) ? 'NaN' : number
}

/** Describes a value of a field, with its state. */
export function describeValue (field: Field, element: number, inference: Inference): object {
  const value = field.values[element]
  if (value === undefined) return { qText: '-', qNum: 'NaN', qElemNumber: element, qState: 'L', qIsNull: true }
  return { qText: value.text, qNum: writeNumber(value.number), qElemNumber: element, qState: inference.stateOf(field, element) }
}

/** Describes the result of a measure in a row. */
export function describeResult (result: Result, format: NumberFormat): object {
  return { qText: writeResult(result, format), ...describeNumber(result), qElemNumber: 0, qState: 'L' }
}

/** Describes the result of a measure over all rows. */
export function describeTotal (result: Result, format: NumberFormat): object {
  return { qText: writeResult(result, format), ...describeNumber(result), qElemNumber: -1, qState: 'X', qIsTotalCell: true }
}

/** Writes a result as users read it. */
export function writeResult (result: Result, format: NumberFormat): string {
  if (result === null) return '-'
  return typeof result === 'number' ? formatNumber(result, format) : result
}

function describeNumber (result: Result): object {
  if (typeof result === 'number') return { qNum: result }
  return { qNum: 'NaN', ...(result === null ? { qIsNull: true } : {}) }
}
