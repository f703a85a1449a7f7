import { isObject, type JsonObject } from '../json.js'
import { AUTOMATIC_FORMAT, type NumberFormat } from '../expressions/number-format.js'

/** How values are sorted: 1 ascending, -1 descending, 0 not at all. */
export interface SortCriterion {
  qSortByState: number
  qSortByFrequency: number
  qSortByNumeric: number
  qSortByAscii: number
  qSortByLoadOrder: number
  qSortByExpression: number
  qExpression: { qv: string }
}

/** A part of the data of a cube or list. */
export interface Page {
  qLeft: number
  qTop: number
  qWidth: number
  qHeight: number
}

/** A dimension of a cube or list. Other properties in `qDef` are copied into the layout. */
export interface DimensionDefinition {
  qLibraryId: string
  qNullSuppression: boolean
  qDef: JsonObject & {
    qFieldDefs: string[]
    qFieldLabels: string[]
    qSortCriterias: SortCriterion[]
    qReverseSort: boolean
    qLabelExpression: string
  }
}

/** A measure of a cube. Other properties in `qDef` are copied into the layout. */
export interface MeasureDefinition {
  qLibraryId: string
  qSortBy: SortCriterion
  qDef: JsonObject & {
    qDef: string
    qLabel: string
    qLabelExpression: string
    qNumFormat: NumberFormat
    qReverseSort: boolean
  }
}

/** The definition of a hypercube with the engine's defaults filled in. */
export interface HyperCubeDefinition {
  qDimensions: DimensionDefinition[]
  qMeasures: MeasureDefinition[]
  qInterColumnSortOrder: number[]
  qColumnOrder: number[]
  qSuppressZero: boolean
  qSuppressMissing: boolean
  qInitialDataFetch: Page[]
  qMode: string
  qNoOfLeftDims: number
  qAlwaysFullyExpanded: boolean
}

/** The definition of a list object with the engine's defaults filled in. */
export interface ListObjectDefinition extends DimensionDefinition {
  qStateName: string
  qShowAlternatives: boolean
  qFrequencyMode: string
  qInitialDataFetch: Page[]
}

const NO_SORTING: SortCriterion = {
  qSortByState: 0,
  qSortByFrequency: 0,
  qSortByNumeric: 0,
  qSortByAscii: 0,
  qSortByLoadOrder: 0,
  qSortByExpression: 0,
  qExpression: { qv: '' }
}

/** Adds the default values to the definition of a hypercube. */
export function completeHyperCube (given: JsonObject): HyperCubeDefinition {
  return complete<HyperCubeDefinition>({
    qDimensions: [],
    qMeasures: [],
    qInterColumnSortOrder: [],
    qColumnOrder: [],
    qSuppressZero: false,
    qSuppressMissing: false,
    qInitialDataFetch: [],
    qMode: 'S',
    qNoOfLeftDims: -1,
    qAlwaysFullyExpanded: false
  }, {
    ...given,
    qDimensions: listObjects(given.qDimensions).map(completeDimension),
    qMeasures: listObjects(given.qMeasures).map(completeMeasure),
    qInitialDataFetch: listObjects(given.qInitialDataFetch).map(completePage)
  })
}

/** Adds the default values to the definition of a list object. */
export function completeListObject (given: JsonObject): ListObjectDefinition {
  return complete<ListObjectDefinition>({
    ...completeDimension({}),
    qStateName: '$',
    qShowAlternatives: false,
    qFrequencyMode: 'N',
    qInitialDataFetch: []
  }, { ...given, ...completeDimension(given), qInitialDataFetch: listObjects(given.qInitialDataFetch).map(completePage) })
}

/** Adds the default values to a page. */
export function completePage (given: JsonObject): Page {
  return complete<Page>({ qLeft: 0, qTop: 0, qWidth: 0, qHeight: 0 }, given)
}

/** Adds the default values to a dimension. */
export function completeDimension (given: JsonObject): DimensionDefinition {
  const def = isObject(given.qDef) ? given.qDef : {}
  const criteria = listObjects(def.qSortCriterias).map(completeSorting)
  const empty = { qFieldDefs: [], qFieldLabels: [], qSortCriterias: [], qReverseSort: false, qLabelExpression: '' }
  const qDef = complete<DimensionDefinition['qDef']>(empty, { ...def, qSortCriterias: criteria })
  return complete<DimensionDefinition>({ qLibraryId: '', qNullSuppression: false, qDef: empty }, { ...given, qDef })
}

/** Adds the default values to a measure. */
export function completeMeasure (given: JsonObject): MeasureDefinition {
  const def = isObject(given.qDef) ? given.qDef : {}
  const defaults = { qDef: '', qLabel: '', qLabelExpression: '', qNumFormat: AUTOMATIC_FORMAT, qReverseSort: false }
  return complete<MeasureDefinition>({ qLibraryId: '', qSortBy: NO_SORTING, qDef: defaults }, {
    ...given,
    qSortBy: completeSorting(given.qSortBy),
    qDef: complete<MeasureDefinition['qDef']>(defaults, { ...def, qNumFormat: complete<NumberFormat>(AUTOMATIC_FORMAT, def.qNumFormat) })
  })
}

function completeSorting (given: unknown): SortCriterion {
  const criterion = complete<SortCriterion>(NO_SORTING, given)
  const { qv } = criterion.qExpression as { qv?: unknown }
  return { ...criterion, qExpression: { qv: typeof qv === 'string' ? qv : '' } }
}

// A property whose type differs from that of its default value is invalid. The default is used.
function complete<T extends object> (defaults: T, given: unknown): T {
  const result: JsonObject = Object.fromEntries(Object.entries(defaults))
  for (const [key, value] of Object.entries(isObject(given) ? given : {})) {
    const preset = result[key]
    const isFitting = preset === undefined || (typeof preset === typeof value && Array.isArray(preset) === Array.isArray(value))
    if (isFitting && value !== null && value !== undefined) result[key] = value
  }
  return result as T
}

function listObjects (value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}
