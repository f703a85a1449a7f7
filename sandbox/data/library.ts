import type { ObjectProperties } from './app.js'

/** A master dimension on one field. */
export function masterDimension (id: string, title: string, field: string): ObjectProperties {
  return {
    qInfo: { qId: id, qType: 'dimension' },
    qDim: {
      title,
      qGrouping: 'N',
      qFieldDefs: [`[${field}]`],
      qFieldLabels: [title],
      qLabelExpression: '',
      coloring: {}
    },
    qMetaDef: { title, description: '', tags: [] }
  }
}

/** A master measure by its expression, with a format pattern such as `#,##0`. */
export function masterMeasure (id: string, title: string, expression: string, pattern = '#,##0'): ObjectProperties {
  return {
    qInfo: { qId: id, qType: 'measure' },
    qMeasure: {
      qLabel: title,
      qDef: expression,
      qGrouping: 'N',
      qExpressions: [],
      qActiveExpression: 0,
      qLabelExpression: '',
      qNumFormat: { qType: 'F', qnDec: 0, qUseThou: 1, qFmt: pattern, qDec: '.', qThou: ',' },
      coloring: {}
    },
    qMetaDef: { title, description: '', tags: [] }
  }
}

/** A sheet that lays out saved objects on its grid of 24 by 12 cells: `[object id, type, column, row, columns, rows]`. */
export function sheet (
  id: string,
  title: string,
  cells: [name: string, type: string, col: number, row: number, colspan: number, rowspan: number][]
): ObjectProperties {
  return {
    qInfo: { qId: id, qType: 'sheet' },
    qMetaDef: { title, description: '' },
    title,
    rank: 0,
    thumbnail: { qStaticContentUrlDef: null },
    columns: 24,
    rows: 12,
    gridResolution: 'small',
    cells: cells.map(([name, type, col, row, colspan, rowspan]) => ({ name, type, col, row, colspan, rowspan })),
    qChildListDef: { qData: { title: '/title', visualization: '/visualization' } }
  }
}
