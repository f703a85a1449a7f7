import t from 'tap'
import { SALES_APP_ID } from '../data/apps.js'
import { openApp, startEngine } from './engine-client.js'

const alice = { id: 'alice', groups: ['Analysts', 'EMEA'] }

t.test('objects', async t => {
  const doc = await openApp(t, await startEngine(t, { appId: SALES_APP_ID, user: alice }))

  t.test('the app lists its sheets, master items and fields', async t => {
    const lists = await doc.createSessionObject({
      qInfo: { qType: 'lists' },
      sheets: { qAppObjectListDef: { qType: 'sheet', qData: { title: '/qMetaDef/title', cells: '/cells' } } },
      qDimensionListDef: { qData: { title: '/qMetaDef/title' } },
      qMeasureListDef: { qType: 'measure', qData: { title: '/qMetaDef/title' } },
      qFieldListDef: {}
    })
    const layout = await lists.getLayout()
    t.match(layout, {
      sheets: {
        qAppObjectList: { qItems: [{ qInfo: { qId: 'overview' }, qData: { title: 'Sales overview', cells: [{ name: 'total-sales' }] } }] }
      },
      qDimensionList: { qItems: [{ qData: { title: 'Region' } }, { qData: { title: 'Product' } }] },
      qMeasureList: { qItems: [{ qInfo: { qId: 'sales' } }, { qData: { title: 'Margin rate' } }] }
    })
    t.match(
      layout.qFieldList?.qItems?.find(({ qName }) => qName === 'CustomerId'),
      { qTags: ['$key', '$ascii', '$text'], qSrcTables: ['Orders', 'Customers'] }
    )
    t.match(await doc.getAllInfos(), [{ qId: 'region', qType: 'dimension' }])
    t.match(await (await doc.getObject('overview')).getLayout(), {
      qChildList: { qItems: [{ qInfo: { qId: 'total-sales' } }, { qData: { title: 'Sales by region' } }, {}, {}, {}] }
    })
    t.match(await (await doc.getDimension('region')).getLayout(), {
      qDim: { qFieldDefs: ['[Region]'] },
      qDimInfos: [{ qTags: ['$ascii', '$text'] }]
    })
    t.match(await (await doc.getMeasure('sales')).getMeasure(), { qDef: 'Sum(Amount)' })
    await t.rejects(doc.getMeasure('region'), { message: 'Object not found' })
    t.match(await doc.getAppLayout(), { qTitle: 'Outdoor sales', qLocaleInfo: { qThousandSep: ',' } })
  })

  t.test('patches change properties; soft ones change the layout only', async t => {
    const chart = await doc.getObject('sales-by-month')
    const changed = new Promise<void>(resolve => { chart.on('changed', resolve) })
    await chart.applyPatches([{ qOp: 'replace', qPath: '/title', qValue: '"Soft"' }], true)
    await changed
    t.match(await chart.getLayout(), { title: 'Soft', qHasSoftPatches: true })
    t.equal((await chart.getProperties() as { title?: string }).title, 'Sales by month')
    t.equal((await chart.getEffectiveProperties() as { title?: string }).title, 'Soft')
    await chart.clearSoftPatches()
    await chart.applyPatches([
      { qOp: 'add', qPath: '/qHyperCubeDef/qMeasures/-', qValue: '{"qDef":{"qDef":"Sum(Margin)"}}' },
      { qOp: 'remove', qPath: '/subtitle', qValue: '' }
    ])
    const layout = await chart.getLayout()
    t.match(layout, { title: 'Sales by month', subtitle: undefined, qHyperCube: { qSize: { qcx: 3 } } })
  })

  t.test('texts and numbers of a layout may be expressions', async t => {
    const object = await doc.createSessionObject({
      qInfo: { qType: 'text' },
      title: { qStringExpression: { qExpr: "='Sales of ' & Count(distinct Region) & ' regions'" } },
      most: { qValueExpression: { qExpr: '=Max([List Price])' } },
      wrong: { qStringExpression: '=Sum(' },
      qLayoutExclude: { hidden: true }
    })
    const layout = await object.getLayout()
    t.match(layout, { title: 'Sales of 4 regions', most: 249, wrong: '' })
    t.notOk('qLayoutExclude' in layout)
    t.equal(await doc.evaluate('1 + 2 * (3 - 1) / -4'), '0')
    t.match(await doc.evaluateEx("'text'"), { qText: 'text', qIsNumeric: false })
    t.match(await doc.checkExpression('Sum(Amount) + Sum(Nothing)'), { qErrorMsg: '', qBadFieldNames: [{ qFrom: 18, qCount: 7 }] })
    t.match(await doc.checkExpression('Median(Amount)'), { qErrorMsg: /does not know the function Median/ })
  })

  t.test('an object keeps its id and type for good', async t => {
    const note = await doc.createSessionObject({ qInfo: { qId: 'note', qType: 'note' }, text: 'first' })
    await note.setProperties({ qInfo: { qId: 'another', qType: 'other' }, text: 'second' })
    t.match(await note.getLayout(), { text: 'second', qInfo: { qId: 'note', qType: 'note' } })
    t.match(await note.getInfo(), { qId: 'note' })
  })

  t.test('objects come and go, with their children', async t => {
    const sheet = await doc.createObject({ qInfo: { qType: 'sheet' }, qChildListDef: { qData: {} } })
    const child = await sheet.createChild({ qInfo: { qId: 'child', qType: 'text' } })
    t.match(await sheet.getChildInfos(), [{ qId: 'child' }])
    t.match(await sheet.getFullPropertyTree(), { qChildren: [{ qProperty: { qInfo: { qId: 'child' } } }] })
    t.equal((await sheet.getChild('child')).id, 'child')
    const closed = new Promise<void>(resolve => { child.on('closed', resolve) })
    t.equal(await doc.destroyObject(sheet.id), true)
    await closed
    t.equal(await doc.destroySessionObject('child'), false)
    await t.rejects(doc.getObject('child'), { message: 'Object not found' })

    const tree = await doc.createSessionObject({ qInfo: { qId: 'tree', qType: 'filterpane' }, qChildListDef: {} })
    await tree.setFullPropertyTree({
      qProperty: { qInfo: { qType: 'filterpane' }, title: 'Filters', qChildListDef: {} },
      qChildren: [{ qProperty: { qInfo: { qId: 'leaf', qType: 'listbox' } }, qChildren: [] }]
    } as never)
    t.match(await tree.getLayout(), { qInfo: { qId: 'tree' }, title: 'Filters', qChildList: { qItems: [{ qInfo: { qId: 'leaf' } }] } })
    await tree.setFullPropertyTree({ qProperty: { qInfo: { qType: 'filterpane' } }, qChildren: [] })
    t.match(await doc.getObjects({ qTypes: ['listbox'], qIncludeSessionObjects: true }), [])
  })
})
