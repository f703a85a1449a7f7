import type { HyperCubeDefinition } from './definition.js'
import { evaluate, type Result } from '../expressions/evaluation.js'
import { listFields, parseExpression } from '../expressions/expression.js'
import type { Inference } from '../associations/inference.js'
import { resolveDimension, resolveMeasure, type Dimension, type FindItem, type Measure } from './library.js'
import { NULL_ELEMENT, type Field, type Model } from '../associations/model.js'
import { compareResults, sortElements } from './sort.js'

/** A row of a cube: an element number for each dimension, a result for each measure. */
export interface CubeRow {
  elements: number[]
  results: Result[]
}

/** A computed hypercube: its rows in order, and the results over all of them. */
export interface Cube {
  definition: HyperCubeDefinition
  dimensions: Dimension[]
  measures: Measure[]
  rows: CubeRow[]
  totals: Result[]
}

/** A dimension whose field was found. */
interface Grouping { dimension: Dimension, field: Field }

/** Computes a hypercube over the tuples that are possible in `inference`. A dimension or measure in error leaves it empty. */
export function computeCube (model: Model, findItem: FindItem, definition: HyperCubeDefinition, inference: Inference): Cube {
  const dimensions = definition.qDimensions.map(dimension => resolveDimension(model, findItem, dimension))
  const measures = definition.qMeasures.map(measure => resolveMeasure(findItem, measure))
  const groupings = dimensions.flatMap(dimension => dimension.field === undefined ? [] : [{ dimension, field: dimension.field }])
  const allTuples = inference.possible
  const evaluateAll = (tuples: number[]): Result[] =>
    measures.map(({ expression }) => (expression === undefined ? null : evaluate(model, expression, { tuples, allTuples })))
  const isEmpty = groupings.length < dimensions.length || dimensions.length + measures.length === 0
  const groups = isEmpty ? [] : groupTuples(model, groupings, measures, allTuples)
  const rows = groups
    .map(({ elements, tuples }) => ({ elements, results: evaluateAll(tuples) }))
    .filter(({ results }) => !isSuppressed(definition, results))
  return {
    definition,
    dimensions,
    measures,
    rows: sortRows(model, definition, groupings, measures, rows, inference),
    totals: evaluateAll(allTuples)
  }
}

function groupTuples (
  model: Model,
  groupings: Grouping[],
  measures: Measure[],
  tuples: number[]
): { elements: number[], tuples: number[] }[] {
  if (groupings.length === 0) return [{ elements: [], tuples }]
  const positions = measures
    .flatMap(({ expression }) => (expression === undefined ? [] : listFields(expression)))
    .map(name => model.tables.findIndex(table => table.fields.includes(name)))
  const groups = new Map<string, { elements: number[], tuples: number[] }>()
  for (const tuple of tuples) {
    const elements = groupings.map(({ field }) => field.elements[tuple] ?? NULL_ELEMENT)
    if (groupings.some(({ dimension }, index) => dimension.definition.qNullSuppression && elements[index] === NULL_ELEMENT)) continue
    // A tuple with neither a dimension value nor a value to aggregate comes from rows of other tables.
    if (elements.every(element => element === NULL_ELEMENT) && positions.every(position => (model.tuples[tuple]?.[position] ?? -1) < 0)) {
      continue
    }
    const key = elements.join()
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { elements, tuples: [tuple] })
    else group.tuples.push(tuple)
  }
  return [...groups.values()]
}

function isSuppressed ({ qSuppressMissing, qSuppressZero }: HyperCubeDefinition, results: Result[]): boolean {
  if (results.length === 0) return false
  return (qSuppressMissing && results.every(result => result === null)) ||
    (qSuppressZero && results.every(result => result === null || result === 0))
}

function sortRows (
  model: Model,
  definition: HyperCubeDefinition,
  groupings: Grouping[],
  measures: Measure[],
  rows: CubeRow[],
  inference: Inference
): CubeRow[] {
  const natural = [...groupings, ...measures].map((_, column) => column)
  const order = definition.qInterColumnSortOrder.length > 0 ? definition.qInterColumnSortOrder : natural
  const compares = order.map(column => {
    const grouping = groupings[column]
    if (grouping !== undefined) return compareByDimension(model, grouping, column, rows, inference)
    const measure = measures[column - groupings.length]
    return measure === undefined ? () => 0 : compareByMeasure(measure, column - groupings.length)
  })
  return [...rows].sort((a, b) => {
    for (const compare of compares) {
      const difference = compare(a, b)
      if (difference !== 0) return difference
    }
    return 0
  })
}

function compareByDimension (
  model: Model,
  { dimension, field }: Grouping,
  column: number,
  rows: CubeRow[],
  inference: Inference
): (a: CubeRow, b: CubeRow) => number {
  const { qSortCriterias, qReverseSort } = dimension.definition.qDef
  const tuplesOf = (element: number): number[] => inference.possible.filter(tuple => field.elements[tuple] === element)
  const sorted = sortElements(field, [...new Set(rows.map(row => row.elements[column] ?? NULL_ELEMENT))], qSortCriterias, {
    inference,
    evaluate: (expression, element) =>
      evaluate(model, parseExpression(expression), { tuples: tuplesOf(element), allTuples: inference.possible }),
    countOf: element => tuplesOf(element).length
  })
  const ranks = new Map(sorted.map((element, rank) => [element, qReverseSort ? -rank : rank]))
  const rankOf = (row: CubeRow): number => ranks.get(row.elements[column] ?? NULL_ELEMENT) ?? 0
  return (a, b) => rankOf(a) - rankOf(b)
}

function compareByMeasure (measure: Measure, index: number): (a: CubeRow, b: CubeRow) => number {
  const { qSortBy, qDef } = measure.definition
  const direction = (Math.sign(qSortBy.qSortByNumeric) || Math.sign(qSortBy.qSortByAscii)) * (qDef.qReverseSort ? -1 : 1)
  if (direction === 0) return () => 0
  return (a, b) => compareResults(a.results[index] ?? null, b.results[index] ?? null, direction)
}
