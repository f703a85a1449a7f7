import type { AggregateName, Expression } from './expression.js'
import { listFields } from './expression.js'
import type { Model } from '../associations/model.js'
import { NULL_ELEMENT } from '../associations/model.js'

/** The result of an expression: a number, a text, or null if there is none. */
export type Result = number | string | null

/** The tuples for the evaluation: those of a group of rows, and for `total` those of the whole chart. */
export interface Scope {
  tuples: number[]
  allTuples: number[]
}

/** Evaluates an expression over tuples of the model. */
export function evaluate (model: Model, expression: Expression, scope: Scope): Result {
  switch (expression.type) {
    case 'number':
    case 'text': return expression.value
    case 'field': return aggregate('only', collect(model, expression, scope.tuples), false)
    case 'negate': return calculate('-', 0, evaluate(model, expression.operand, scope))
    case 'operation':
      return calculate(expression.operator, evaluate(model, expression.left, scope), evaluate(model, expression.right, scope))
    case 'aggregate':
      return aggregate(
        expression.name,
        collect(model, expression.operand, expression.isTotal ? scope.allTuples : scope.tuples),
        expression.isDistinct
      )
  }
}

/**
 * Lists the values of the operand for each row of the tables that its fields are in. A row counts once even if several
 * rows of other tables are associated with it: the sum of a customer's credit limit does not depend on the number of
 * orders.
 */
function collect (model: Model, operand: Expression, tuples: number[]): NonNullable<Result>[] {
  const positions = findTables(model, listFields(operand))
  const seen = new Set<string | number>()
  const results: NonNullable<Result>[] = []
  for (const tuple of tuples) {
    const rows = positions.map(position => model.tuples[tuple]?.[position] ?? -1)
    const key = rows.length === 1 ? rows[0] ?? -1 : rows.join()
    if (seen.has(key) || rows.every(row => row < 0)) continue
    seen.add(key)
    const result = evaluateRow(model, operand, tuple)
    if (result !== null) results.push(result)
  }
  return results
}

function findTables (model: Model, names: string[]): number[] {
  const positions = names.flatMap(name => {
    const position = model.tables.findIndex(table => table.fields.includes(name))
    return position < 0 ? [] : [position]
  })
  return [...new Set(positions)]
}

function evaluateRow (model: Model, expression: Expression, tuple: number): Result {
  switch (expression.type) {
    case 'number':
    case 'text': return expression.value
    case 'field': {
      const field = model.fields.get(expression.name)
      const value = field?.values[field.elements[tuple] ?? NULL_ELEMENT]
      if (value === undefined) return null
      return Number.isNaN(value.number) ? value.text : value.number
    }
    case 'negate': return calculate('-', 0, evaluateRow(model, expression.operand, tuple))
    case 'operation':
      return calculate(expression.operator, evaluateRow(model, expression.left, tuple), evaluateRow(model, expression.right, tuple))
    // An aggregate inside an aggregate has no value in Qlik either.
    case 'aggregate': return null
  }
}

function aggregate (name: AggregateName, results: NonNullable<Result>[], isDistinct: boolean): Result {
  const values = isDistinct ? [...new Set(results)] : results
  const numbers = values.filter(value => typeof value === 'number')
  switch (name) {
    case 'sum': return numbers.reduce((sum, number) => sum + number, 0)
    case 'count': return values.length
    case 'avg': return numbers.length === 0 ? null : numbers.reduce((sum, number) => sum + number, 0) / numbers.length
    case 'min': return numbers.length === 0 ? null : numbers.reduce((a, b) => Math.min(a, b))
    case 'max': return numbers.length === 0 ? null : numbers.reduce((a, b) => Math.max(a, b))
    case 'only': return new Set(values).size === 1 ? values[0] ?? null : null
  }
}

function calculate (operator: string, left: Result, right: Result): Result {
  if (operator === '&') return `${left ?? ''}${right ?? ''}`
  if (typeof left !== 'number' || typeof right !== 'number') return null
  const result = { '+': left + right, '-': left - right, '*': left * right, '/': left / right }[operator] ?? NaN
  return Number.isFinite(result) ? result : null
}
