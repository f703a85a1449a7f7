import type { ObjectProperties } from './app.js'

/** What the author of a chart chooses. Everything else is the chart's default. */
export interface ChartOptions {
  id: string
  title: string
  dimensions: object[]
  measures: object[]
  /** Columns by which rows are sorted, most important first; dimensions come before measures. */
  sortBy?: number[]
}

const AXES = {
  dimensionAxis: { axisDisplayMode: 'auto', continuousAuto: true, dock: 'near', label: 'auto', maxVisibleItems: 10, show: 'all' },
  measureAxis: { autoMinMax: true, dock: 'near', logarithmic: false, max: 10, min: 0, minMax: 'min', show: 'all', spacing: 1 },
  gridLine: { auto: true, spacing: 2 },
  legend: { dock: 'auto', show: true, showTitle: true },
  refLine: { refLines: [], dimRefLines: [] },
  scrollbar: 'miniChart',
  scrollStartPos: 0,
  showMiniChartForContinuousAxis: true
}

const COLOR = {
  auto: true,
  autoMinMax: true,
  dimensionScheme: '12',
  expressionIsColor: true,
  expressionLabel: '',
  formatting: { numFormatFromTemplate: true },
  measureScheme: 'sg',
  mode: 'primary',
  paletteColor: { index: 6 },
  persistent: false,
  reverseScheme: false,
  useBaseColors: 'off',
  useDimColVal: true,
  useMeasureGradient: true
}

const BY_VALUE = [{ qSortByNumeric: 1, qSortByAscii: 1, qSortByLoadOrder: 1 }]

/** A dimension on a field, sorted by number and then by text. */
export function fieldDimension (field: string): object {
  return {
    qDef: {
      cId: `dimension-${field}`,
      qFieldDefs: [`[${field}]`],
      qSortCriterias: BY_VALUE
    },
    qNullSuppression: true
  }
}

/** A dimension taken from the app's library. */
export function libraryDimension (libraryId: string): object {
  return { qLibraryId: libraryId, qDef: { cId: `dimension-${libraryId}`, qSortCriterias: BY_VALUE }, qNullSuppression: true }
}

/** A measure by its expression, with a format pattern such as `#,##0`. */
export function expressionMeasure (label: string, expression: string, pattern = '#,##0'): object {
  return {
    qDef: {
      cId: `measure-${label}`,
      qLabel: label,
      qDef: expression,
      qNumFormat: { qType: 'F', qnDec: 0, qUseThou: 1, qFmt: pattern, qDec: '.', qThou: ',' }
    },
    qSortBy: { qSortByNumeric: -1, qSortByLoadOrder: 1 }
  }
}

/** A measure taken from the app's library. */
export function libraryMeasure (libraryId: string): object {
  return { qLibraryId: libraryId, qDef: { cId: `measure-${libraryId}` }, qSortBy: { qSortByNumeric: -1, qSortByLoadOrder: 1 } }
}

/** A bar chart with the properties sn-bar-chart creates it with. */
export function barChart (options: ChartOptions): ObjectProperties {
  return {
    ...describeChart('barchart', '2.14.0', options, { qWidth: 17, qHeight: 500 }),
    ...AXES,
    barGrouping: { grouping: 'grouped' },
    color: COLOR,
    dataPoint: { showLabels: false, showSegmentLabels: false, showTotalLabels: true },
    orientation: 'vertical',
    preferContinuousAxis: true,
    showDisclaimer: true,
    tooltip: { auto: true, hideBasic: false, data: {} }
  }
}

/** A line chart with the properties sn-line-chart creates it with. */
export function lineChart (options: ChartOptions): ObjectProperties {
  return {
    ...describeChart('linechart', '1.47.7', options, { qWidth: 17, qHeight: 500 }),
    ...AXES,
    color: COLOR,
    dataPoint: { show: true, showLabels: false },
    lineType: 'line',
    nullMode: 'gap',
    orientation: 'horizontal',
    preferContinuousAxis: true,
    separateStacking: true,
    showDisclaimer: true,
    stackedArea: false,
    tooltip: { auto: true, hideBasic: false, title: '', description: '' }
  }
}

/** A table with the properties sn-table creates it with, and a row of totals. */
export function table (options: ChartOptions): ObjectProperties {
  return {
    ...describeChart(
      'sn-table',
      '2.9.1',
      { ...options, dimensions: options.dimensions.map(fitToContent), measures: options.measures.map(fitToContent) },
      { qWidth: 50, qHeight: 100 }
    ),
    enableChartExploration: false,
    totals: { show: true, position: 'noTotals', label: 'Totals' },
    usePagination: false
  }
}

/** Columns as wide as their texts: the default of even widths breaks words in the headers. */
function fitToContent (column: object): object {
  const { qDef } = column as { qDef: object }
  return { ...column, qDef: { ...qDef, columnWidth: { type: 'fitToContent' } } }
}

/** A figure with the properties sn-kpi creates it with. */
export function kpi (options: ChartOptions): ObjectProperties {
  return {
    ...describeChart('kpi', '1.0.0', options, { qWidth: 500, qHeight: 10 }),
    showTitles: false,
    showMeasureTitle: true,
    showSecondMeasureTitle: true,
    textAlign: 'left',
    layoutBehavior: 'responsive',
    disableNavMenu: true,
    fontSize: 'L',
    useLink: false,
    sheetLink: '',
    openUrlInNewTab: true
  }
}

function describeChart (type: string, version: string, options: ChartOptions, firstPage: object): ObjectProperties {
  const columns = [...options.dimensions, ...options.measures]
  return {
    qInfo: { qId: options.id, qType: type },
    qMetaDef: {},
    visualization: type,
    version,
    title: options.title,
    subtitle: '',
    footnote: '',
    showTitles: true,
    showDetails: true,
    components: [],
    qHyperCubeDef: {
      qDimensions: options.dimensions,
      qMeasures: options.measures,
      qInterColumnSortOrder: options.sortBy ?? columns.map((_, index) => index),
      qInitialDataFetch: [{ qTop: 0, qLeft: 0, ...firstPage }],
      qSuppressMissing: true,
      qSuppressZero: false
    }
  }
}
