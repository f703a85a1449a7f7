import { writeNumber } from './cell.js'
import { countStates, type Inference } from '../associations/inference.js'
import type { Dimension } from './library.js'
import type { Field } from '../associations/model.js'
import { AUTOMATIC_FORMAT } from '../expressions/number-format.js'
import { indicateDirection } from './sort.js'

/** Lists the tags that the engine would assign to a field when it loads the data. */
export function listTags (field: Field): string[] {
  const isInteger = field.isNumeric && field.values.every(({ number }) => Number.isInteger(number))
  return [
    ...(field.tables.length > 1 ? ['$key'] : []),
    ...(field.isNumeric ? ['$numeric'] : ['$ascii', '$text']),
    ...(isInteger ? ['$integer'] : [])
  ]
}

/** Describes a dimension as in `qDimensionInfo`. Additional properties of the definition are copied. */
export function describeDimension (dimension: Dimension, inference: Inference): object {
  const { definition, field, label, fieldDefinition, error } = dimension
  const numbers = field?.isNumeric === true ? field.values.map(({ number }) => number) : []
  return {
    ...pickOwnProperties(definition.qDef),
    ...(definition.qLibraryId === '' ? {} : { qLibraryId: definition.qLibraryId }),
    qFallbackTitle: label,
    qApprMaxGlyphCount: Math.max(0, ...(field?.values.map(({ text }) => text.length) ?? [])),
    qCardinal: field?.values.length ?? 0,
    qCardinalities: { qCardinal: field?.values.length ?? 0, qHypercubeCardinal: 0, qAllValuesCardinal: -1 },
    qSortIndicator: indicateDirection(definition.qDef.qSortCriterias[0], definition.qDef.qReverseSort),
    qReverseSort: definition.qDef.qReverseSort,
    qGroupFallbackTitles: [label],
    qGroupPos: 0,
    qGroupFieldDefs: [fieldDefinition],
    qGrouping: 'N',
    qStateCounts: field === undefined ? {} : countStates(inference, field),
    qTags: field === undefined ? [] : listTags(field),
    ...(error === undefined ? {} : { qError: { qErrorCode: error.code } }),
    qDimensionType: field?.isNumeric === true ? 'N' : 'D',
    qNumFormat: AUTOMATIC_FORMAT,
    qIsAutoFormat: true,
    qMin: writeNumber(numbers.length === 0 ? NaN : numbers.reduce((a, b) => Math.min(a, b))),
    qMax: writeNumber(numbers.length === 0 ? NaN : numbers.reduce((a, b) => Math.max(a, b))),
    ...(inference.state.get(field?.name ?? '')?.isLocked === true ? { qLocked: true } : {}),
    qAttrExprInfo: [],
    qAttrDimInfo: []
  }
}

/** Returns the additional properties that charts keep in a definition, such as `cId`. */
export function pickOwnProperties (definition: object): object {
  return Object.fromEntries(Object.entries(definition).filter(([name]) => !/^q[A-Z]/.test(name)))
}
