import type { App } from './app.js'
import { barChart, expressionMeasure, fieldDimension, kpi, libraryDimension, libraryMeasure, lineChart, table } from './charts.js'
import { masterDimension, masterMeasure, sheet } from './library.js'
import { salesTables } from './sales.js'
import { supportTables } from './support.js'

/** The id of the sales app. */
export const SALES_APP_ID = '5f0c3b1e-7d2a-4c64-9a53-2f1d8e6b7c01'

/** The id of the support app. */
export const SUPPORT_APP_ID = '8a9e4d27-16b3-4f0d-b8c5-6e3f2a7d9b02'

const sales: App = {
  id: SALES_APP_ID,
  name: 'Outdoor sales',
  description: 'Orders of an outdoor equipment maker by region, product and month.',
  tables: salesTables,
  sectionAccess: { field: 'Area' },
  objects: [
    masterDimension('region', 'Region', 'Region'),
    masterDimension('product', 'Product', 'Product'),
    masterMeasure('sales', 'Sales', 'Sum(Amount)'),
    masterMeasure('margin-rate', 'Margin rate', 'Sum(Margin) / Sum(Amount)', '0.0%'),
    barChart({
      id: 'sales-by-region',
      title: 'Sales by region',
      dimensions: [libraryDimension('region')],
      measures: [libraryMeasure('sales')],
      sortBy: [1, 0]
    }),
    barChart({
      id: 'sales-by-product',
      title: 'Sales by product',
      dimensions: [libraryDimension('product')],
      measures: [libraryMeasure('sales')],
      sortBy: [1, 0]
    }),
    lineChart({
      id: 'sales-by-month',
      title: 'Sales by month',
      dimensions: [fieldDimension('Month')],
      measures: [libraryMeasure('sales')]
    }),
    table({
      id: 'orders',
      title: 'Orders',
      dimensions: [
        fieldDimension('OrderId'),
        fieldDimension('Date'),
        fieldDimension('Customer'),
        fieldDimension('Country'),
        fieldDimension('Product')
      ],
      measures: [expressionMeasure('Quantity', 'Sum(Quantity)'), libraryMeasure('sales')]
    }),
    kpi({ id: 'total-sales', title: 'Total sales', dimensions: [], measures: [libraryMeasure('sales'), libraryMeasure('margin-rate')] }),
    sheet('overview', 'Sales overview', [
      ['total-sales', 'kpi', 0, 0, 8, 4],
      ['sales-by-region', 'barchart', 8, 0, 8, 6],
      ['sales-by-product', 'barchart', 16, 0, 8, 6],
      ['sales-by-month', 'linechart', 0, 4, 8, 8],
      ['orders', 'sn-table', 8, 6, 16, 6]
    ])
  ]
}

const support: App = {
  id: SUPPORT_APP_ID,
  name: 'Customer support',
  description: 'Support tickets by region, priority and team.',
  tables: supportTables,
  sectionAccess: { field: 'Area' },
  objects: [
    masterDimension('region', 'Region', 'Region'),
    masterMeasure('tickets-count', 'Tickets', 'Count(TicketId)'),
    masterMeasure('resolution-hours', 'Hours to resolve', 'Avg([Resolution Hours])', '#,##0.0'),
    barChart({
      id: 'tickets-by-region',
      title: 'Tickets by region',
      dimensions: [libraryDimension('region')],
      measures: [libraryMeasure('tickets-count')],
      sortBy: [1, 0]
    }),
    barChart({
      id: 'tickets-by-priority',
      title: 'Tickets by priority',
      dimensions: [fieldDimension('Priority')],
      measures: [libraryMeasure('tickets-count')]
    }),
    barChart({
      id: 'resolution-by-team',
      title: 'Hours to resolve by team',
      dimensions: [fieldDimension('Team')],
      measures: [libraryMeasure('resolution-hours')],
      sortBy: [1, 0]
    }),
    lineChart({
      id: 'tickets-by-month',
      title: 'Tickets by month',
      dimensions: [fieldDimension('Month')],
      measures: [libraryMeasure('tickets-count')]
    }),
    table({
      id: 'tickets',
      title: 'Tickets',
      dimensions: [
        fieldDimension('TicketId'),
        fieldDimension('Opened'),
        fieldDimension('Priority'),
        fieldDimension('Agent'),
        fieldDimension('Country'),
        fieldDimension('Status')
      ],
      measures: [expressionMeasure('Hours', 'Max([Resolution Hours])')]
    }),
    kpi({
      id: 'total-tickets',
      title: 'Total tickets',
      dimensions: [],
      measures: [libraryMeasure('tickets-count'), libraryMeasure('resolution-hours')]
    }),
    sheet('overview', 'Support overview', [
      ['total-tickets', 'kpi', 0, 0, 8, 4],
      ['tickets-by-region', 'barchart', 8, 0, 8, 6],
      ['tickets-by-priority', 'barchart', 16, 0, 8, 6],
      ['tickets-by-month', 'linechart', 0, 4, 8, 8],
      ['resolution-by-team', 'barchart', 8, 6, 6, 6],
      ['tickets', 'sn-table', 14, 6, 10, 6]
    ])
  ]
}

/** All apps of the sandbox. */
export const apps: App[] = [sales, support]
