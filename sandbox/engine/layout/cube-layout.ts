import { describeResult, describeTotal, describeValue, writeNumber, writeResult } from './cell.js'
import type { Cube, CubeRow } from './cube.js'
import type { Page } from './definition.js'
import { EngineError } from '../error.js'
import { describeDimension, pickOwnProperties } from './field-description.js'
import type { Inference } from '../associations/inference.js'
import type { Measure } from './library.js'
import { indicateDirection } from './sort.js'

// The engine refuses more cells in one request (LOCERR_CALC_PAGES_TOO_LARGE).
const MAX_CELLS = 10_000
const PAGES_TOO_LARGE = 7009

/** Describes a hypercube as its layout shows it, with the pages of the initial fetch. */
export function describeCube (cube: Cube, inference: Inference): object {
  const { definition, dimensions, measures, rows, totals } = cube
  const columns = dimensions.length + measures.length
  const order = definition.qInterColumnSortOrder
  return {
    qSize: { qcx: columns, qcy: rows.length },
    qDimensionInfo: dimensions.map(dimension => describeDimension(dimension, inference)),
    qMeasureInfo: measures.map((measure, index) => describeMeasure(measure, rows.map(row => row.results[index] ?? null))),
    qEffectiveInterColumnSortOrder: order.length > 0 ? order : Array.from({ length: columns }, (_, column) => column),
    qGrandTotalRow: measures.map(({ format }, index) => describeTotal(totals[index] ?? null, format)),
    qDataPages: definition.qMode === 'S' ? describePages(cube, definition.qInitialDataFetch, inference) : [],
    qPivotDataPages: [],
    qStackedDataPages: [],
    qTreeDataPages: [],
    qMode: definition.qMode,
    qNoOfLeftDims: definition.qNoOfLeftDims,
    qAlwaysFullyExpanded: definition.qAlwaysFullyExpanded,
    qHasOtherValues: false,
    qIndentMode: false,
    qTitle: '',
    qColumnOrder: definition.qColumnOrder
  }
}

/** Describes parts of a hypercube. Throws an EngineError if they exceed the engine's limit for one response. */
export function describePages (cube: Cube, pages: Page[], inference: Inference): object[] {
  if (pages.reduce((cells, page) => cells + page.qWidth * page.qHeight, 0) > MAX_CELLS) {
    throw new EngineError(PAGES_TOO_LARGE, 'qPages', `The pages of a request are limited to ${MAX_CELLS} cells.`)
  }
  const order = orderColumns(cube)
  return pages.map(({ qLeft, qTop, qWidth, qHeight }) => {
    const columns = order.slice(qLeft, qLeft + qWidth)
    const rows = cube.rows.slice(qTop, qTop + qHeight)
    return {
      qMatrix: rows.map(row => columns.map(column => describeCell(cube, row, column, inference))),
      qTails: [],
      qArea: { qLeft, qTop, qWidth: rows.length === 0 ? 0 : columns.length, qHeight: rows.length },
      qIsReduced: false
    }
  })
}

// Dimensions before measures, unless the definition contains another order.
function orderColumns ({ definition, dimensions, measures }: Cube): number[] {
  const natural = [...dimensions, ...measures].map((_, column) => column)
  const { qColumnOrder } = definition
  return qColumnOrder.length === natural.length ? qColumnOrder : natural
}

function describeCell (cube: Cube, row: CubeRow, column: number, inference: Inference): object {
  const field = cube.dimensions[column]?.field
  if (field !== undefined) return describeValue(field, row.elements[column] ?? -2, inference)
  const index = column - cube.dimensions.length
  const measure = cube.measures[index]
  return measure === undefined ? {} : describeResult(row.results[index] ?? null, measure.format)
}

function describeMeasure ({ definition, label, format, error }: Measure, results: (number | string | null)[]): object {
  const numbers = results.filter(result => typeof result === 'number')
  return {
    ...pickOwnProperties(definition.qDef),
    ...(definition.qLibraryId === '' ? {} : { qLibraryId: definition.qLibraryId }),
    qFallbackTitle: label,
    qApprMaxGlyphCount: Math.max(0, ...results.map(result => writeResult(result, format).length)),
    qCardinal: 0,
    qSortIndicator: indicateDirection(definition.qSortBy, definition.qDef.qReverseSort),
    qReverseSort: definition.qDef.qReverseSort,
    qNumFormat: format,
    qIsAutoFormat: format.qType === 'U',
    qMin: writeNumber(numbers.length === 0 ? NaN : numbers.reduce((a, b) => Math.min(a, b))),
    qMax: writeNumber(numbers.length === 0 ? NaN : numbers.reduce((a, b) => Math.max(a, b))),
    ...(error === undefined ? {} : { qError: { qErrorCode: error.code } }),
    qAttrExprInfo: [],
    qAttrDimInfo: [],
    qTrendLines: []
  }
}
