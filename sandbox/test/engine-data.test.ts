import t from 'tap'
import type { Doc, GenericObject } from '@qlik/api/qix'
import type { Cell } from '../data/app.js'
import { apps, SALES_APP_ID, SUPPORT_APP_ID } from '../data/apps.js'
import { openApp, readChart, readRows, startEngine } from './engine-client.js'

const alice = { id: 'alice', groups: ['Analysts', 'EMEA'] }

type Row = Record<string, Cell>

function readTable (appId: string, name: string): Row[] {
  const table = apps.find(({ id }) => id === appId)?.tables.find(table => table.name === name)
  return table?.rows.map(cells => Object.fromEntries(table.fields.map((field, column) => [field, cells[column] ?? null]))) ?? []
}

/** Alice's orders, joined with plain loops. The engine's results are compared with them. */
function listOrders (): Row[] {
  const joined: Row[] = []
  for (const order of readTable(SALES_APP_ID, 'Orders')) {
    for (const customer of readTable(SALES_APP_ID, 'Customers')) {
      if (customer.CustomerId !== order.CustomerId) continue
      for (const territory of readTable(SALES_APP_ID, 'Territories')) {
        if (territory.Country !== customer.Country || territory.Area !== 'EMEA') continue
        for (const product of readTable(SALES_APP_ID, 'Products')) {
          if (product.ProductId === order.ProductId) joined.push({ ...order, ...customer, ...territory, ...product })
        }
      }
    }
  }
  return joined
}

const orders = listOrders()

function textOf (cell: Cell | undefined): string {
  return typeof cell === 'object' && cell !== null ? cell.text : String(cell)
}

function sumBy (rows: Row[], field: string, measure = 'Amount'): Map<string, number> {
  const sums = new Map<string, number>()
  for (const row of rows) sums.set(textOf(row[field]), (sums.get(textOf(row[field])) ?? 0) + Number(row[measure]))
  return sums
}

function total (rows: Row[], measure = 'Amount'): number {
  let sum = 0
  for (const row of rows) sum += Number(row[measure])
  return sum
}

function byValue (sums: Map<string, number>): [string, number][] {
  return [...sums].sort((a, b) => b[1] - a[1])
}

async function createCube (doc: Doc, dimensions: object[], measures: (string | object)[], more: object = {}): Promise<GenericObject> {
  return await doc.createSessionObject({
    qInfo: { qType: 'cube' },
    qHyperCubeDef: {
      qDimensions: dimensions,
      qMeasures: measures.map(measure => typeof measure === 'string' ? { qDef: { qDef: measure } } : measure),
      qInitialDataFetch: [{ qWidth: 10, qHeight: 1000 }],
      ...more
    }
  })
}

const dimension = (field: string, more: object = {}): object => ({ qDef: { qFieldDefs: [field], ...more } })

t.test('the charts of the sales app', async t => {
  const server = await startEngine(t, { appId: SALES_APP_ID, user: alice })
  const doc = await openApp(t, server)
  t.beforeEach(async () => { await doc.clearAll() })

  t.test('show what plain loops over the tables come to', async t => {
    t.ok(orders.length > 500, `${orders.length} orders`)
    t.same([...await readChart(await doc.getObject('sales-by-region'))], byValue(sumBy(orders, 'Region')))
    t.same([...await readChart(await doc.getObject('sales-by-product'))], byValue(sumBy(orders, 'Product')))
    const months = await readChart(await doc.getObject('sales-by-month'))
    t.same(months, sumBy(orders, 'Month'))
    t.same([...months.keys()].slice(0, 4), ['Jan', 'Feb', 'Mar', 'Apr'], 'months are in the order of the year')
    const [figures] = await readRows(await doc.getObject('total-sales'))
    t.match(figures, [
      { qNum: total(orders), qText: total(orders).toLocaleString('en-US') },
      { qNum: total(orders, 'Margin') / total(orders) }
    ])
  })

  t.test('scale by the least and the greatest value, and total all rows', async t => {
    const { qHyperCube: cube } = await (await doc.getObject('sales-by-region')).getLayout()
    const sums = [...sumBy(orders, 'Region').values()]
    t.match(cube?.qMeasureInfo?.[0], { qMin: Math.min(...sums), qMax: Math.max(...sums), qFallbackTitle: 'Sales', cId: 'measure-sales' })
    t.match(cube?.qDimensionInfo?.[0], {
      qFallbackTitle: 'Region',
      cId: 'dimension-region',
      qCardinal: 4,
      qStateCounts: { qOption: 4 },
      qApprMaxGlyphCount: 20,
      qMin: 'NaN'
    })
    t.match(cube?.qGrandTotalRow, [{ qNum: total(orders) }])
    t.match(cube?.qSize, { qcx: 2, qcy: 4 })
  })

  t.test('follow selections made anywhere', async t => {
    const field = await doc.getField('Region')
    t.equal(await field.select('Nordics'), true)
    const nordic = orders.filter(order => order.Region === 'Nordics')
    t.same([...await readChart(await doc.getObject('sales-by-product'))], byValue(sumBy(nordic, 'Product')))
    t.same(await readChart(await doc.getObject('sales-by-region')), sumBy(nordic, 'Region'))
    const { qHyperCube } = await (await doc.getObject('sales-by-region')).getLayout()
    t.match(qHyperCube?.qDimensionInfo?.[0]?.qStateCounts, { qSelected: 1, qAlternative: 3, qOption: 0 })
    await (await doc.getField('Product')).selectValues([{ qText: 'Tent' }, { qText: 'Stove' }] as never)
    const chosen = nordic.filter(order => order.Product === 'Tent' || order.Product === 'Stove')
    t.same(await readChart(await doc.getObject('sales-by-month')), sumBy(chosen, 'Month'))
    await doc.back()
    t.same(await readChart(await doc.getObject('sales-by-month')), sumBy(nordic, 'Month'))
    await doc.forward()
    t.same(await readChart(await doc.getObject('sales-by-month')), sumBy(chosen, 'Month'))
    await doc.clearAll()
    t.same(await readChart(await doc.getObject('sales-by-month')), sumBy(orders, 'Month'))
  })

  t.test('keep showing all bars to the chart in modal selection, until it ends', async t => {
    const chart = await doc.getObject('sales-by-region')
    const other = await doc.getObject('sales-by-product')
    const [first, second] = await readRows(chart)
    await chart.beginSelections(['/qHyperCubeDef'])
    t.match(await chart.getLayout(), { qSelectionInfo: { qInSelections: true } })
    t.equal(await chart.selectHyperCubeValues('/qHyperCubeDef', 0, [first?.[0]?.qElemNumber ?? -1], true), true)
    const chosen = orders.filter(order => order.Region === first?.[0]?.qText)
    t.same(await readChart(chart), sumBy(orders, 'Region'))
    t.same((await readRows(chart)).map(([value]) => value?.qState), ['S', 'A', 'A', 'A'])
    t.same(await readChart(other), sumBy(chosen, 'Product'))

    await t.rejects(other.selectHyperCubeValues('/qHyperCubeDef', 0, [0], true), { code: 6003 })
    await t.rejects(other.beginSelections(['/qHyperCubeDef']), { code: 6003 })
    await t.rejects(doc.clearAll(), { code: 6003 })
    await t.rejects((await doc.getField('Year')).clear(), { code: 6003 })

    await chart.selectHyperCubeValues('/qHyperCubeDef', 0, [second?.[0]?.qElemNumber ?? -1], true)
    await chart.endSelections(true)
    t.equal((await readChart(chart)).size, 2)
    t.equal(await doc.backCount() > 0, true)

    await chart.beginSelections(['/qHyperCubeDef'])
    await chart.selectHyperCubeCells('/qHyperCubeDef', [0], [0])
    await chart.resetMadeSelections()
    t.equal((await readRows(chart)).filter(([value]) => value?.qState === 'S').length, 2)
    await chart.selectHyperCubeCells('/qHyperCubeDef', [0], [0])
    await chart.endSelections(false)
    t.equal((await readChart(chart)).size, 2, 'cancelled, the selection is what it was')

    await other.beginSelections(['/qHyperCubeDef'])
    await other.selectHyperCubeCells('/qHyperCubeDef', [1], [0])
    await doc.abortModal(true)
    t.equal((await readChart(other)).size, 1, 'whoever aborts may keep what was selected')
  })

  t.test('can be selected in by the value of a measure', async t => {
    const chart = await doc.getObject('sales-by-product')
    const limit = byValue(sumBy(orders, 'Product'))[3]?.[1] ?? 0
    await chart.rangeSelectHyperCubeValues(
      '/qHyperCubeDef',
      [{ qRange: { qMin: limit, qMax: 1e9, qMinInclEq: true, qMaxInclEq: true }, qMeasureIx: 0 }] as never,
      [],
      true
    )
    t.same([...await readChart(chart)], byValue(sumBy(orders, 'Product')).slice(0, 4))
  })

  t.test('give their pages on request', async t => {
    const table = await doc.getObject('orders')
    const { qHyperCube } = await table.getLayout()
    t.match(qHyperCube?.qSize, { qcx: 7, qcy: orders.length })
    t.equal(qHyperCube?.qDataPages?.[0]?.qMatrix?.length, 100)
    const wanted = orders
      .slice(200, 203)
      .map(order => [
        textOf(order.OrderId),
        textOf(order.Date),
        order.Customer,
        order.Country,
        order.Product,
        textOf(order.Quantity),
        Number(order.Amount).toLocaleString('en-US')
      ])
    const pages = await table.getHyperCubeData('/qHyperCubeDef', [
      { qLeft: 0, qTop: 200, qWidth: 7, qHeight: 3 },
      { qLeft: 2, qTop: 202, qWidth: 2, qHeight: 1 },
      { qLeft: 0, qTop: 5000, qWidth: 7, qHeight: 3 }
    ])
    t.same(pages[0]?.qMatrix?.map(row => row.map(({ qText }) => qText)), wanted)
    t.same(pages[1]?.qMatrix?.map(row => row.map(({ qText }) => qText)), [wanted[2]?.slice(2, 4)])
    t.match(pages[2], { qMatrix: [], qArea: { qTop: 5000, qHeight: 0 } })
  })
})

t.test('hypercubes of one\'s own', async t => {
  const doc = await openApp(t, await startEngine(t, { appId: SALES_APP_ID, user: alice }))

  t.test('aggregate in all ways there are', async t => {
    const cube = await createCube(doc, [dimension('[Category]')], [
      'Sum(Amount)', '=Count(OrderId)', 'Count(distinct Customer)', 'Avg([Amount])', 'Min(Amount)', 'Max("Amount")',
      'Sum(Quantity * [List Price]) - Sum(Amount)', 'Sum(Amount) / Sum(total Amount)', 'Sum(Nothing)'
    ])
    for (const [category, ...results] of await readRows(cube)) {
      const rows = orders.filter(order => order.Category === category?.qText)
      const amounts = rows.map(order => Number(order.Amount))
      let listValue = 0
      for (const order of rows) listValue += Number(order.Quantity) * Number(order['List Price'])
      t.same(results.map(({ qNum }) => qNum), [
        total(rows), rows.length, new Set(rows.map(order => order.Customer)).size, total(rows) / rows.length,
        Math.min(...amounts), Math.max(...amounts), listValue - total(rows), total(rows) / total(orders), 0
      ], category?.qText ?? 'no category')
    }
  })

  t.test('count a row once, however many rows of other tables belong to it', async t => {
    const cube = await createCube(doc, [dimension('Category')], ['Sum([List Price])'])
    const products = readTable(SALES_APP_ID, 'Products')
    t.same(await readChart(cube), sumBy(products, 'Category', 'List Price'))
  })

  t.test('combine dimensions of different tables', async t => {
    const cube = await createCube(
      doc,
      [dimension('Region', { qSortCriterias: [{ qSortByAscii: -1 }] }), dimension('Year', { qSortCriterias: [{ qSortByNumeric: 1 }] })],
      ['Sum(Amount)']
    )
    const rows = await readRows(cube)
    t.same(
      rows.map(row => row.slice(0, 2).map(({ qText }) => qText)),
      ['Southern Europe', 'Nordics', 'Middle East & Africa', 'DACH'].flatMap(region => [
        [region, '2024'],
        [region, '2025']
      ])
    )
    for (const [region, year, sum] of rows) {
      t.equal(sum?.qNum, total(orders.filter(order => order.Region === region?.qText && order.Year === year?.qNum)))
    }
  })

  t.test('are sorted as they ask', async t => {
    const sums = sumBy(orders, 'Product')
    const namesOf = async (criterion: object, more: object = {}): Promise<string[]> => [
      ...(await readChart(await createCube(doc, [dimension('Product', { qSortCriterias: [criterion], ...more })], ['Sum(Amount)']))).keys()
    ]
    const alphabetical = [...sums.keys()].sort((a, b) => a.localeCompare(b, 'en'))
    const ascending = byValue(sums).map(([name]) => name).reverse()
    t.same(await namesOf({ qSortByAscii: 1 }), alphabetical)
    t.same(await namesOf({ qSortByAscii: 1 }, { qReverseSort: true }), [...alphabetical].reverse())
    t.same(await namesOf({ qSortByExpression: 1, qExpression: { qv: 'Sum(Amount)' } }), ascending)
    const measured = await createCube(
      doc,
      [dimension('Product')],
      [{ qDef: { qDef: 'Sum(Amount)', qReverseSort: true }, qSortBy: { qSortByNumeric: -1 } }],
      { qInterColumnSortOrder: [1, 0], qColumnOrder: [1, 0] }
    )
    const rows = await readRows(measured)
    t.same(rows.map(row => row[1]?.qText), ascending, 'the measure comes first in the matrix, and rows by it')
    t.match((await measured.getLayout()).qHyperCube, { qMeasureInfo: [{ qSortIndicator: 'A' }], qEffectiveInterColumnSortOrder: [1, 0] })
  })

  t.test('leave out what they are told to', async t => {
    const winter = '=Sum(Amount) * 0'
    t.equal((await readRows(await createCube(doc, [dimension('Region')], [winter]))).length, 4)
    t.equal((await readRows(await createCube(doc, [dimension('Region')], [winter], { qSuppressZero: true }))).length, 0)
    t.equal((await readRows(await createCube(doc, [dimension('Region')], ['Max(Customer)'], { qSuppressMissing: true }))).length, 0)
  })

  t.test('say what is wrong with a column', async t => {
    const { qHyperCube } = await (
      await createCube(doc, [dimension('Nowhere')], ['Sum(Amount', { qLibraryId: 'no-such-measure' }])
    ).getLayout()
    t.match(qHyperCube, {
      qSize: { qcy: 0 },
      qDimensionInfo: [{ qError: { qErrorCode: 7000 } }],
      qMeasureInfo: [{ qError: { qErrorCode: 7000 } }, { qError: { qErrorCode: 7001 } }]
    })
  })
})

t.test('missing values', async t => {
  const doc = await openApp(t, await startEngine(t, { appId: SUPPORT_APP_ID, user: alice }))
  const cube = await createCube(doc, [dimension('Satisfaction', { qSortCriterias: [{ qSortByNumeric: 1 }] })], ['Count(TicketId)'])
  const last = (await readRows(cube)).at(-1)
  t.match(last?.[0], { qText: '-', qElemNumber: -2, qIsNull: true })
  const suppressed = await createCube(doc, [{ ...dimension('Satisfaction'), qNullSuppression: true }], ['Count(TicketId)'])
  t.same([...(await readChart(suppressed)).keys()].sort(), ['1', '2', '3', '4', '5'])
  const open = await createCube(doc, [dimension('Status')], ['Avg(Satisfaction)'])
  t.match((await readRows(open)).find(([status]) => status?.qText === 'Open')?.[1], { qText: '-', qNum: 'NaN', qIsNull: true })
})
