import { describeValue } from './cell.js'
import type { ListObjectDefinition, Page } from './definition.js'
import { evaluate } from '../expressions/evaluation.js'
import { parseExpression } from '../expressions/expression.js'
import { describeDimension } from './field-description.js'
import type { Inference } from '../associations/inference.js'
import { resolveDimension, type Dimension, type FindItem } from './library.js'
import type { Field, Model } from '../associations/model.js'
import { matchValue } from '../associations/search.js'
import { sortElements } from './sort.js'

/** A computed list object: the values of a field in order, reduced to those that match the search. */
export interface List {
  definition: ListObjectDefinition
  dimension: Dimension
  elements: number[]
  /** How often each value occurs among the possible rows of the field's table, by element number. */
  frequencies: number[]
}

/** Computes a list object. Its order follows `inference`; `search` leaves only the values that match it. */
export function computeList (
  model: Model,
  findItem: FindItem,
  definition: ListObjectDefinition,
  inference: Inference,
  search: string
): List {
  const dimension = resolveDimension(model, findItem, definition)
  const { field } = dimension
  if (field === undefined) return { definition, dimension, elements: [], frequencies: [] }
  const frequencies = countValues(model, field, inference)
  const found = [...field.values.keys()].filter(element => search === '' || matchValue(field.values[element], search))
  const elements = sortElements(field, found, definition.qDef.qSortCriterias, {
    inference,
    evaluate: (expression, element) => {
      const tuples = inference.possible.filter(tuple => field.elements[tuple] === element)
      return evaluate(model, parseExpression(expression), { tuples, allTuples: inference.possible })
    },
    countOf: element => frequencies[element] ?? 0
  })
  return { definition, dimension, frequencies, elements: definition.qDef.qReverseSort ? elements.reverse() : elements }
}

/** Describes a list object as its layout shows it, with the pages of the initial fetch. */
export function describeList (list: List, inference: Inference): object {
  return {
    qSize: { qcx: 1, qcy: list.elements.length },
    qDimensionInfo: describeDimension(list.dimension, inference),
    qExpressions: [],
    qDataPages: describeListPages(list, list.definition.qInitialDataFetch, inference)
  }
}

/** Describes parts of a list object. */
export function describeListPages ({ definition, dimension, elements, frequencies }: List, pages: Page[], inference: Inference): object[] {
  const { field } = dimension
  if (field === undefined) return []
  const total = frequencies.reduce((sum, frequency) => sum + frequency, 0)
  return pages.map(({ qLeft, qTop, qWidth, qHeight }) => {
    const shown = elements.slice(qTop, qTop + qHeight)
    return {
      qMatrix: shown.map(element => [{
        ...describeValue(field, element, inference),
        ...describeFrequency(definition.qFrequencyMode, frequencies[element] ?? 0, total)
      }]),
      qTails: [],
      qArea: { qLeft, qTop, qWidth: Math.min(1, qWidth), qHeight: shown.length },
      qIsReduced: false
    }
  })
}

function countValues (model: Model, field: Field, inference: Inference): number[] {
  const position = model.tables.findIndex(table => table.fields.includes(field.name))
  const frequencies = field.values.map(() => 0)
  const seen = new Set<number>()
  for (const tuple of inference.possible) {
    const row = model.tuples[tuple]?.[position] ?? -1
    const element = field.elements[tuple] ?? -1
    if (row < 0 || element < 0 || seen.has(row)) continue
    seen.add(row)
    frequencies[element] = (frequencies[element] ?? 0) + 1
  }
  return frequencies
}

// The modes of NxFrequencyMode: none, value, percent (text), relative (a fraction of 1).
function describeFrequency (mode: string, frequency: number, total: number): object {
  const share = total === 0 ? 0 : frequency / total
  switch (mode) {
    case 'V': return { qFrequency: String(frequency) }
    case 'P': return { qFrequency: `${(share * 100).toFixed(1)}%` }
    case 'R': return { qFrequency: String(share) }
    default: return {}
  }
}
