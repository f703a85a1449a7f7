import t from 'tap'
import type { Doc, GenericObject, ListObject } from '@qlik/api/qix'
import { SALES_APP_ID } from '../data/apps.js'
import { openApp, readChart, startEngine } from './engine-client.js'

const alice = { id: 'alice', groups: ['Analysts', 'EMEA'] }
const PATH = '/qListObjectDef'

async function createList (doc: Doc, field: string, more: object = {}): Promise<GenericObject> {
  return await doc.createSessionObject({
    qInfo: { qType: 'list' },
    qListObjectDef: {
      qDef: { qFieldDefs: [field], qSortCriterias: [{ qSortByState: 1, qSortByAscii: 1 }] },
      qInitialDataFetch: [{ qWidth: 1, qHeight: 100 }],
      qShowAlternatives: true,
      ...more
    }
  })
}

async function readList (list: GenericObject): Promise<ListObject> {
  return (await list.getLayout()).qListObject ?? {}
}

function describe ({ qDataPages }: ListObject): string[] {
  return qDataPages?.[0]?.qMatrix?.map(([cell]) => `${cell?.qState} ${cell?.qText}`) ?? []
}

t.test('lists, fields and selections', async t => {
  const server = await startEngine(t, { appId: SALES_APP_ID, user: alice })
  const doc = await openApp(t, server)
  t.beforeEach(async () => { await doc.clearAll(true) })

  t.test('a value is selected, optional, alternative or excluded', async t => {
    const regions = await createList(doc, 'Region')
    const countries = await createList(doc, 'Country', { qFrequencyMode: 'V' })
    t.same(describe(await readList(regions)), ['O DACH', 'O Middle East & Africa', 'O Nordics', 'O Southern Europe'])
    const nordics = (await readList(regions)).qDataPages?.[0]?.qMatrix?.[2]?.[0]?.qElemNumber ?? -1
    t.equal(await regions.selectListObjectValues(PATH, [nordics], true), true)
    t.same(describe(await readList(regions)), ['S Nordics', 'A DACH', 'A Middle East & Africa', 'A Southern Europe'])
    t.same(describe(await readList(countries)).slice(0, 4), ['O Denmark', 'O Norway', 'O Sweden', 'X Austria'])
    t.match(await readList(countries), { qSize: { qcx: 1, qcy: 11 }, qDimensionInfo: { qStateCounts: { qOption: 3, qExcluded: 8 } } })
    await regions.selectListObjectValues(PATH, [nordics], true)
    t.equal(describe(await readList(regions))[0], 'O DACH', 'toggled twice, it is not selected')
  })

  t.test('a selection that leaves nothing of another drops it, unless it is locked', async t => {
    const region = await doc.getField('Region')
    const country = await doc.getField('Country')
    await region.select('Nordics')
    t.equal(await country.select('Italy'), true)
    t.same([...(await readChart(await doc.getObject('sales-by-region'))).keys()], ['Southern Europe'])
    await doc.clearAll()
    await region.select('Nordics')
    t.equal(await region.lock(), true)
    t.equal(await country.select('Italy'), false)
    t.equal(await region.select('DACH'), false)
    await doc.clearAll()
    t.same([...(await readChart(await doc.getObject('sales-by-region'))).keys()], ['Nordics'])
    await region.unlock()
    t.equal(await region.clear(), true)
  })

  t.test('fields are selected in by text, number, wildcard, comparison and state', async t => {
    const product = await doc.getField('Product')
    const products = await createList(doc, '=[Product]')
    const selected = async (): Promise<string[]> =>
      describe(await readList(products))
        .filter(line => line.startsWith('S '))
        .map(line => line.slice(2))
    await product.select('*ing*')
    t.same(await selected(), ['Hiking boots', 'Sleeping bag', 'Trekking poles'])
    await product.toggleSelect('Tent')
    t.equal((await selected()).length, 4)
    await product.select('(Tent|Stove)')
    t.same(await selected(), ['Stove', 'Tent'])
    t.equal(await product.select('Car'), false)
    t.same(await selected(), ['Stove', 'Tent'], 'what finds nothing changes nothing')
    await product.selectAlternative()
    t.equal((await selected()).length, 8)
    await product.selectAll()
    t.equal((await selected()).length, 10)
    await product.clear()
    await (await doc.getField('Year')).selectValues([{ qIsNumeric: true, qNumber: 2024 }] as never)
    await (await doc.getField('List Price')).select('>=150')
    await product.selectPossible()
    t.same(await selected(), ['Hiking boots', 'Rain jacket', 'Tent'])
    await product.clearAllButThis()
    await product.selectExcluded()
    t.equal((await selected()).length, 7)
    t.equal(await product.getCardinal(), 10)
    await t.rejects(doc.getField('Nowhere'), { message: 'Object not found' })
  })

  t.test('a search leaves the values that match, until it is accepted or aborted', async t => {
    const products = await createList(doc, 'Product')
    await products.searchListObjectFor(PATH, 'bo')
    t.same(describe(await readList(products)), ['O Hiking boots'])
    await products.searchListObjectFor(PATH, '*a*')
    t.match(await readList(products), { qSize: { qcy: 5 } })
    await products.abortListObjectSearch(PATH)
    t.match(await readList(products), { qSize: { qcy: 10 } })
    await products.searchListObjectFor(PATH, 'rain wool')
    await products.acceptListObjectSearch(PATH, false)
    t.same(describe(await readList(products)).slice(0, 3), ['S Rain jacket', 'S Wool socks', 'A Backpack'])
  })

  t.test('a list in modal selection keeps its order, and can be cancelled', async t => {
    const regions = await createList(doc, 'Region')
    await regions.beginSelections([PATH])
    await regions.selectListObjectValues(PATH, [2], true)
    t.same(describe(await readList(regions)), ['A DACH', 'A Middle East & Africa', 'S Nordics', 'A Southern Europe'])
    await regions.clearSelections(PATH)
    await regions.selectListObjectAll(PATH)
    t.same((await readList(regions)).qDimensionInfo?.qStateCounts?.qSelected, 4)
    await regions.endSelections(false)
    t.same((await readList(regions)).qDimensionInfo?.qStateCounts?.qOption, 4)
  })

  t.test('charts and lists select and lock what they show', async t => {
    const chart = await doc.getObject('sales-by-month')
    await chart.selectHyperCubeContinuousRange('/qHyperCubeDef', [{ qRange: { qMin: 3, qMax: 5, qMinInclEq: true }, qDimIx: 0 }] as never)
    t.same([...(await readChart(chart)).keys()], ['Mar', 'Apr'])
    await chart.lock('/qHyperCubeDef', [0])
    await chart.clearSelections('/qHyperCubeDef')
    t.equal((await readChart(chart)).size, 2)
    t.match((await chart.getLayout()).qHyperCube, { qDimensionInfo: [{ qLocked: true, qStateCounts: { qLocked: 2 } }] })
    await chart.unlock('/qHyperCubeDef')
    await chart.clearSelections('/qHyperCubeDef')
    t.equal((await readChart(chart)).size, 12)

    const regions = await createList(doc, 'Region')
    await (await doc.getField('Country')).select('Italy')
    await regions.selectListObjectPossible(PATH)
    t.equal(describe(await readList(regions))[0], 'S Southern Europe')
    await doc.lockAll()
    await doc.clearAll()
    t.equal(describe(await readList(regions))[0], 'L Southern Europe')
    await doc.unlockAll()
    await (await doc.getField('Country')).clear()
    await regions.selectListObjectAlternative(PATH)
    t.equal(describe(await readList(regions)).filter(line => line.startsWith('S')).length, 3)
    await regions.selectListObjectExcluded(PATH)
    t.same(describe(await readList(regions)).filter(line => line.startsWith('S')), ['S Southern Europe'])
    t.equal(await doc.forwardCount(), 0)
  })

  t.test('a list is sorted as it asks', async t => {
    const orderOf = async (criterion: object, more: object = {}): Promise<string[]> =>
      describe(
        await readList(await createList(doc, 'Region', { qDef: { qFieldDefs: ['Region'], qSortCriterias: [criterion], ...more } }))
      ).map(line => line.slice(2))
    const loaded = await orderOf({ qSortByLoadOrder: 1 })
    t.same(await orderOf({}), loaded)
    t.same(await orderOf({ qSortByLoadOrder: -1 }), [...loaded].reverse())
    t.same(await orderOf({ qSortByLoadOrder: 1 }, { qReverseSort: true }), [...loaded].reverse())
    const bySales = [...(await readChart(await doc.getObject('sales-by-region'))).keys()]
    t.same(await orderOf({ qSortByExpression: -1, qExpression: { qv: '=Sum(Amount)' } }), bySales)
    const byFrequency = await createList(doc, 'Priority')
    t.match(await readList(byFrequency), { qSize: { qcy: 0 }, qDimensionInfo: { qError: { qErrorCode: 7000 } } })
    t.equal((await orderOf({ qSortByFrequency: -1 })).length, 4)
  })

  t.test('lists give their pages on request, with frequencies', async t => {
    const areas = await createList(doc, 'Area', { qFrequencyMode: 'P' })
    const pages = await areas.getListObjectData(PATH, [{ qLeft: 0, qTop: 0, qWidth: 1, qHeight: 5 }])
    t.match(pages, [{ qMatrix: [[{ qText: 'EMEA', qFrequency: '100.0%' }]], qArea: { qHeight: 1 } }])
  })

  t.test('the selections bar knows what is selected', async t => {
    const bar = await doc.createSessionObject({ qInfo: { qType: 'current-selections' }, qSelectionObjectDef: {} })
    t.match(await bar.getLayout(), { qSelectionObject: { qSelections: [] } })
    const changed = new Promise<void>(resolve => { bar.on('changed', resolve) })
    await (await doc.getField('Region')).lowLevelSelect([0, 1], false)
    await changed
    t.match((await bar.getLayout()).qSelectionObject, {
      qSelections: [
        {
          qField: 'Region',
          qSelectedCount: 2,
          qTotal: 4,
          qSelected: 'DACH, Southern Europe',
          qLocked: false,
          qStateCounts: { qSelected: 2, qAlternative: 2 }
        }
      ]
    })
    await (await doc.getField('Product')).select('*')
    t.equal((await bar.getLayout()).qSelectionObject?.qSelections?.[1]?.qSelected, '10 of 10')
  })
})
