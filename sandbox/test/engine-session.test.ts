import t from 'tap'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { SALES_APP_ID } from '../data/apps.js'
import { until } from '../../test/helpers/log.js'
import { connect, createSession, openApp, readChart, startEngine } from './engine-client.js'

const alice = { id: 'alice', groups: ['Analysts', 'EMEA'] }
const bob = { id: 'bob', groups: ['Analysts', 'Americas'] }

t.test('the first frame says whether the session is new', async t => {
  const server = await startEngine(t, { appId: SALES_APP_ID, user: alice })
  const first = await connect(t, server)
  t.same(await first.receive(), { jsonrpc: '2.0', method: 'OnConnected', params: { qSessionState: 'SESSION_CREATED' } })
  const second = await connect(t, server)
  t.match(await second.receive(), { params: { qSessionState: 'SESSION_ATTACHED' } })
  server.connection = { appId: SALES_APP_ID, user: alice, identity: 'other' }
  t.match(await (await connect(t, server)).receive(), { params: { qSessionState: 'SESSION_CREATED' } }, 'another identity')
  server.connection = { appId: SALES_APP_ID, user: bob }
  t.match(await (await connect(t, server)).receive(), { params: { qSessionState: 'SESSION_CREATED' } }, 'another user')
  server.connection = { appId: SALES_APP_ID, user: { id: 'alice', groups: ['Americas'] } }
  t.match(await (await connect(t, server)).receive(), { params: { qSessionState: 'SESSION_CREATED' } }, 'other groups')
})

t.test('section access shows each user the rows of their groups', async t => {
  const server = await startEngine(t, { appId: SALES_APP_ID, user: alice })
  const aliceRegions = await readChart(await (await openApp(t, server)).getObject('sales-by-region'))
  server.connection = { appId: SALES_APP_ID, user: bob }
  const bobRegions = await readChart(await (await openApp(t, server)).getObject('sales-by-region'))
  t.same([...aliceRegions.keys()].sort(), ['DACH', 'Middle East & Africa', 'Nordics', 'Southern Europe'])
  t.same([...bobRegions.keys()].sort(), ['Canada', 'Central America', 'South America', 'United States'])

  server.connection = { appId: SALES_APP_ID, user: { id: 'carol', groups: ['Analysts'] } }
  await t.rejects(openApp(t, server), { code: 5 }, 'without a group there is nothing to open')
})

t.test('sockets of one session share selections, and are told of each other\'s changes', async t => {
  const server = await startEngine(t, { appId: SALES_APP_ID, user: alice })
  const here = await (await openApp(t, server)).getObject('sales-by-region')
  const there = await (await openApp(t, server)).getObject('sales-by-region')
  t.equal((await readChart(there)).size, 4)
  const told = new Promise<void>(resolve => { there.on('changed', resolve) })
  await here.selectHyperCubeValues('/qHyperCubeDef', 0, [0], false)
  await told
  t.equal((await readChart(there)).size, 1)
})

t.test('a session outlives its sockets for its time, with its selections and objects', async t => {
  const server = await startEngine(t, { appId: SALES_APP_ID, user: alice })
  const session = createSession(t, server)
  const states: unknown[] = []
  session.on('notification:OnConnected', params => { states.push(params) })
  const doc = await (await session.open()).openDoc(SALES_APP_ID)
  const chart = await doc.getObject('sales-by-product')
  const own = await doc.createSessionObject({ qInfo: { qId: 'mine', qType: 'list' }, qListObjectDef: { qDef: { qFieldDefs: ['Region'] } } })
  await (await doc.getField('Region')).lowLevelSelect([1], false)
  const before = await readChart(chart)

  await session.suspend()
  await session.resume(true)
  t.same(states, [{ qSessionState: 'SESSION_CREATED' }, { qSessionState: 'SESSION_ATTACHED' }])
  t.same(await readChart(chart), before)
  t.match((await own.getLayout()).qListObject?.qDimensionInfo?.qStateCounts, { qSelected: 1, qAlternative: 3 })
})

t.test('a session without sockets ends with its time', async t => {
  const server = await startEngine(t, { appId: SALES_APP_ID, user: alice, ttlSeconds: 0.05 })
  const session = createSession(t, server)
  const doc = await (await session.open()).openDoc(SALES_APP_ID)
  await (await doc.getField('Region')).lowLevelSelect([1], false)
  await session.suspend()
  await until(() => server.openSockets() === 0)
  // Timers fire in the order of their ends, and the session's began before this one.
  await delay(100)
  await t.rejects(session.resume(true), { message: 'Not attached' })
  t.equal((await readChart(await (await openApp(t, server)).getObject('sales-by-region'))).size, 4, 'the selections are gone')
})

t.test('an unknown app closes the socket with 4204', async t => {
  const server = await startEngine(t, { appId: 'no-such-app', user: alice })
  const { socket } = await connect(t, server)
  const [code, reason] = await once(socket, 'close') as [number, Buffer]
  t.equal(code, 4204)
  t.match(JSON.parse(reason.toString()), { title: 'App not found' })
})

t.test('all sockets can be closed with a code, and their sessions live on', async t => {
  const server = await startEngine(t, { appId: SALES_APP_ID, user: alice })
  const { socket, receive } = await connect(t, server)
  await receive()
  server.engine.closeAll(4003, 'draining')
  const [code, reason] = await once(socket, 'close') as [number, Buffer]
  t.same([code, reason.toString()], [4003, 'draining'])
  t.match(await (await connect(t, server)).receive(), { params: { qSessionState: 'SESSION_ATTACHED' } })
})

t.test('a socket that the engine has closed holds its session no longer, however late the client answers', async t => {
  const server = await startEngine(t, { appId: SALES_APP_ID, user: alice, ttlSeconds: 0 })
  const { socket, receive } = await connect(t, server)
  await receive()
  socket.pause()
  server.engine.closeAll(4003, 'draining')
  // Timers fire in the order of their ends, and the session's began before this one.
  await delay(10)
  t.match(await (await connect(t, server)).receive(), { params: { qSessionState: 'SESSION_CREATED' } })
})

t.test('clients learn about the engine, the app and their requests', async t => {
  const server = await startEngine(t, { appId: SALES_APP_ID, user: alice })
  const { receive, send } = await connect(t, server)
  await receive()
  const cases: [handle: number, method: string, params: unknown, result: object][] = [
    [-1, 'EngineVersion', [], { qVersion: { qComponentVersion: /sandbox/ } }],
    [-1, 'ProductVersion', [], { qReturn: /sandbox/ }],
    [-1, 'QvVersion', [], { qReturn: /sandbox/ }],
    [-1, 'OSName', [], { qReturn: 'Sandbox' }],
    [-1, 'IsDesktopMode', [], { qReturn: false }],
    [-1, 'IsPersonalMode', [], { qReturn: false }],
    [-1, 'AllowCreateApp', [], { qReturn: false }],
    [-1, 'GetConfiguration', [], { qConfig: {} }],
    [-1, 'GetProgress', [1], { qProgressData: { qFinished: true } }],
    [-1, 'GetDocList', [], { qDocList: [{ qDocId: SALES_APP_ID, qDocName: 'Outdoor sales' }, {}] }],
    [-1, 'CancelRequest', [1], {}],
    [-1, 'AbortRequest', [1], {}],
    [-1, 'AbortAll', [], {}],
    [-1, 'OpenDoc', [SALES_APP_ID], { qReturn: { qHandle: 1 } }],
    [1, 'GetAppProperties', [], { qProp: { qTitle: 'Outdoor sales' } }],
    [1, 'GetLocaleInfo', [], { qReturn: { qDateFmt: 'YYYY-MM-DD' } }],
    [1, 'ClearUndoBuffer', [], {}],
    [1, 'GetOrCreateObject', [{ qInfo: { qId: 'once', qType: 'note' } }], { qNewObject: true, qReturn: { qHandle: 2 } }],
    [1, 'GetOrCreateObject', { qProp: { qInfo: { qId: 'once', qType: 'note' } } }, { qNewObject: false, qReturn: { qHandle: 2 } }],
    [2, 'GetLinkedObjects', [], { qItems: [] }],
    [1, 'GetField', ['[Region]'], { qReturn: { qType: 'Field', qHandle: 3, qGenericId: 'Region' } }],
    [3, 'GetAndMode', [], { qReturn: false }],
    [3, 'GetNxProperties', [], { qProperties: { qOneAndOnlyOne: false } }],
    [1, 'GetDimension', ['region'], { qReturn: { qType: 'GenericDimension' } }],
    [4, 'GetDimension', [], { qDim: { title: 'Region' } }]
  ]
  for (const [handle, method, params, result] of cases) {
    send({ jsonrpc: '2.0', id: method, handle, method, params, delta: true })
    const answer = await receive()
    t.match(answer, { id: method, result }, method)
    t.notOk('delta' in answer, 'results are whole')
  }
})

t.test('what is wrong with a request is answered, and the socket stays open', async t => {
  const server = await startEngine(t, { appId: SALES_APP_ID, user: alice })
  const { receive, send } = await connect(t, server)
  await receive()
  const cases: [request: unknown, answer: object][] = [
    ['no JSON', { id: null, error: { code: -32700 } }],
    [{ jsonrpc: '2.0', id: 1, handle: -1 }, { id: 1, error: { code: -32600, parameter: 'method' } }],
    [{ id: 2, handle: -1, method: 'NoSuchMethod' }, { id: 2, error: { code: -32601, parameter: 'NoSuchMethod' } }],
    [{ id: 3, handle: -1, method: 'toString' }, { error: { code: -32601 } }],
    [{ id: 4, handle: 99, method: 'GetLayout', params: [] }, { error: { code: -32600, parameter: 'handle' } }],
    [{ id: 5, handle: 1, method: 'GetAppLayout', params: [] }, { error: { code: -32600 } }],
    [{ id: 6, handle: -1, method: 'GetActiveDoc', params: [] }, { error: { code: 1017 } }],
    [{ id: 7, handle: -1, method: 'OpenDoc', params: ['another-app'] }, { error: { code: 1003, parameter: 'another-app' } }],
    [{ id: 8, handle: -1, method: 'OpenDoc', params: [7] }, { error: { code: -32602, parameter: 'qDocName' } }],
    [{ id: 9, handle: -1, method: 'OpenDoc', params: 'text' }, { error: { code: -32602 } }],
    [
      { id: 10, handle: -1, method: 'OpenDoc', params: { qDocName: SALES_APP_ID } },
      { result: { qReturn: { qType: 'Doc', qHandle: 1, qGenericId: SALES_APP_ID } } }
    ],
    [{ id: 11, handle: -1, method: 'GetActiveDoc' }, { result: { qReturn: { qHandle: 1 } } }],
    [{ id: 12, handle: 1, method: 'GetObject', params: ['no-such-object'] }, { result: { qReturn: { qType: null, qHandle: null } } }],
    [
      { id: 13, handle: 1, method: 'GetObject', params: ['sales-by-region'] },
      { result: { qReturn: { qType: 'GenericObject', qHandle: 2, qGenericType: 'barchart' } } }
    ],
    [{ id: 14, handle: 1, method: 'GetObject', params: ['sales-by-region'] }, { result: { qReturn: { qHandle: 2 } } }],
    [
      { id: 15, handle: 2, method: 'GetHyperCubeData', params: ['/qListObjectDef', []] },
      { error: { code: 4, parameter: '/qListObjectDef' } }
    ],
    [
      { id: 16, handle: 2, method: 'GetHyperCubeData', params: ['/qHyperCubeDef', [{ qWidth: 101, qHeight: 100 }]] },
      { error: { code: 7009 } }
    ],
    [{ id: 17, handle: 2, method: 'SelectHyperCubeValues', params: ['/qHyperCubeDef', 5, [0], false] }, { error: { code: -32602 } }],
    [
      { id: 18, handle: 1, method: 'CreateSessionObject', params: [{ qInfo: { qId: 'orders', qType: 'x' } }] },
      { error: { code: 3, parameter: 'orders' } }
    ],
    [{ id: 19, handle: 2, method: 'ApplyPatches', params: [[{ qOp: 'move', qPath: '/a' }]] }, { error: { code: -32602 } }],
    [
      { id: 20, handle: 2, method: 'ApplyPatches', params: [[{ qOp: 'add', qPath: '/a', qValue: 'no JSON' }]] },
      { error: { code: -32602 } }
    ],
    [
      { id: 21, handle: 2, method: 'ApplyPatches', params: [[{ qOp: 'add', qPath: '/no/where/to/go', qValue: '1' }]] },
      { error: { code: 4 } }
    ],
    [{ id: 22, handle: 2, method: 'ApplyPatches', params: [[{ qOp: 'add', qPath: '/__proto__/x', qValue: '1' }]] }, { error: { code: 4 } }]
  ]
  for (const [request, expected] of cases) {
    send(request)
    t.match(await receive(), { jsonrpc: '2.0', ...expected }, JSON.stringify(request))
  }
})
