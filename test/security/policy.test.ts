import { text } from 'node:stream/consumers'
import t from 'tap'
import { kindOf } from '../../src/policy/access.js'
import { allowApi } from '../../src/policy/api.js'
import { allowApps } from '../../src/policy/apps.js'
import { EngineGuard } from '../../src/policy/engine/guard.js'
import { isCanonicalPath } from '../../src/admission/target.js'
import { clientFrame } from '../helpers/client-frames.js'
import { openRaw } from '../helpers/raw.js'
import { startBeforeUpstream } from '../helpers/upstream.js'

const allow = allowApps(['sales'])

/** Ways to write a word that some server or other may read as that word. */
function spellings (word: string): string[] {
  const hex = (character: string) => `%${character.charCodeAt(0).toString(16)}`
  const first = word[0] as string
  const rest = word.slice(1)
  return [
    word, word.toUpperCase(), first.toUpperCase() + rest,
    hex(first) + rest, `%25${hex(first).slice(1)}${rest}`, `%2525${hex(first).slice(1)}${rest}`, [...word].map(hex).join(''),
    `${word};x=1`, `${word}%3Bx`, `${word}%20`, `${word}+`, `${word}.`, `%20${word}`, `${word}%09`, `${word}%00`,
    word.replace('s', '%C5%BF'),
    [...word].map(character => encodeURIComponent(String.fromCodePoint(character.charCodeAt(0) + 0xfee0))).join('')
  ]
}

const foreign = [
  'staff', 'Sales', 'SALES', 'sale%73', 'sales%20', 'sales;x', 'sales%3B', 'sales%2F..%2Fstaff', 'sales%5C..%5Cstaff',
  'sales.', 'SessionApp_1', 'engineData', '%73ales', 'sales,staff', 'sales%2Cstaff', '*', ''
]
const hostilePaths = [
  ...foreign.flatMap(id => [
    `/app/${id}`, `/app/${id}/identity/x`, `/api/v1/apps/${id}`, `/api/v1/apps/${id}/data/metadata`, `/sense/app/${id}`
  ]),
  ...spellings('apps').flatMap(word => [`/api/v1/${word}/staff`, `/api/v1/${word}`, `/api/v2/${word}/staff/media`, `/api/${word}/staff`]),
  ...spellings('apps').flatMap(word => [
    `/api/v1/items;x/${word}/staff`, `/api%2Fv1/${word}/staff`
  ].map(path => path.replace('/api%2Fv1', '/api/v1%2Fx'))),
  ...[
    '/api/v1%2Fapps/staff', '/api/v1/x%2F%61pps/staff', '/api/v1/x%5Capps/staff', '/api/v1/./apps/staff',
    '/api/v1//apps/staff', '/api/v1/x/../apps/staff', '/api/v1/apps/sales/../staff', '/api/v1/apps/sales/..;/staff'
  ],
  ...[
    '/app/sales/staff', '/app/sales/identity', '/app/sales/identity/a%2Fstaff', '/app/sales/identity/a/staff',
    '/app/sales/ttl/x', '/app/sales/ttl/1/identity/x', '/app/sales/', '/app/sales/identity/a;b',
    '/app/sales/identity/%3B'
  ]
]

t.test('no spelling of a path reaches an app that is not listed', async t => {
  t.ok(hostilePaths.length > 200, String(hostilePaths.length))
  t.same(hostilePaths.filter(path => isCanonicalPath(path) && allow({ kind: kindOf(path), method: 'GET', path }) === 'allow'), [])
})

t.test('no message reaches the engine that it could read as a method which is not allowed', async t => {
  const rest = '"handle":1,"params":[],"jsonrpc":"2.0","id":1'
  const methods = [
    'DoSave', 'doSave', 'getlayout', 'GETLAYOUT', 'GetLayout ', ' GetLayout', 'GetLayout\\u0000', '\\u0047etLayout',
    'GetLayou\\u0074', 'GetLayout\\n', 'Doc.GetLayout', 'BulkRequest', 'SetProperties', 'CreateObject', 'DestroyObject',
    'DoReload', 'DoReloadEx', 'SetScript', 'GetScript', 'CreateConnection', 'GetConnections', 'CreateBookmark',
    'SaveObjects', 'Publish', 'StoreData', 'CreateChild', 'DestroyChild', 'Undo', 'SaveAs', 'OpenDoc', 'GetDocList',
    '__proto__', 'constructor', 'toString', ''
  ]
  const messages = [
    ...methods.flatMap(method => [`{"method":"${method}",${rest}}`, `{${rest},"method":"${method}"}`]),
    ...[
      'GetDocList', 'CopyApp', 'DeleteApp', 'CreateApp', 'CreateDocEx', 'ReplaceAppFromID', 'ReplaceAppFromPath',
      'ImportApp', 'ImportAppEx', 'ExportApp', 'PublishApp', 'CreateSessionApp', 'CreateSessionAppFromApp',
      'GetAppEntry', 'ShutdownProcess', 'ConfigureReload', 'CancelReload', 'SaveAs', 'GetStreamList',
      'GetFolderItemsForPath', 'GetOdbcDsns', 'ReloadExtensionList', 'InteractDone', 'GetInteract',
      'GetCustomConnectors', 'GetLogicalDriveStrings', 'GetDefaultAppFolder', 'GetMyDocumentsFolder'
    ]
      .map(method => `{"method":"${method}","handle":-1,"params":["sales"],"id":1}`),
    // Twice, in any order and spelling.
    ...['GetLayout', 'DoSave'].flatMap(one => [
      'method', 'Method', 'METHOD', '\\u006dethod', 'metho\\u0064', 'method '
    ].map(name => `{"method":"${one}","${name}":"${one === 'DoSave' ? 'GetLayout' : 'DoSave'}",${rest}}`)),
    ...['handle', 'id', 'params', 'jsonrpc'].map(name => `{"method":"GetLayout",${rest},"${name}":-1}`),
    `{"method":"GetLayout",${rest},"params":[{"a":1,"a":2}]}`,
    '{"method":"GetLayout","handle":1,"id":1,"params":[{"a":{"b":1,"\\u0062":2}}]}',
    '{"method":"GetLayout","handle":1,"id":1,"params":{"qPath":"/x","qPath":"/y"}}',
    // Members that are not known, or are the engine's own to read.
    ...['cont', 'retry', 'Handle', '', 'method\\u0000', 'batch', '__proto__'].map(name => `{"method":"GetLayout",${rest},"${name}":1}`),
    '{"method":"GetLayout","handle":1,"id":1,"p\\u0061rams":[]}',
    // Batches, notifications, and what is no object.
    `[{"method":"DoSave",${rest}}]`, `[{"method":"GetLayout",${rest}}]`, '[]', 'null', '1', '"GetLayout"', 'true', '', ' ',
    '{}', '{"method":"GetLayout","handle":1,"params":[]}',
    // Ids and handles.
    ...[
      'null', '"1"', '1.0', '1e0', '-0', '01', '+1', '0x1', '1.5', 'true', '[1]', '{}', '99999999999999999999'
    ].map(id => `{"method":"GetLayout","handle":1,"params":[],"id":${id}}`),
    ...[
      'null', '"1"', '1.0', '1e0', '-0', '0', '-2', '+1', 'true', '[1]', '{}', '99999999999999999999'
    ].map(handle => `{"method":"GetLayout","handle":${handle},"params":[],"id":1}`),
    '{"method":"GetLayout","handle":-1,"params":[],"id":1}', '{"method":"DoSave","handle":-1,"params":[],"id":1}',
    `{"method":["GetLayout"],${rest}}`, `{"method":{"a":"GetLayout"},${rest}}`, `{"method":null,${rest}}`,
    // What is no JSON to the standard.
    `{"method":"GetLayout",${rest},}`, `{'method':'GetLayout',${rest}}`, `{method:"GetLayout",${rest}}`,
    `{"method":"GetLayout",${rest}}{"method":"DoSave",${rest}}`, `{"method":"GetLayout",${rest}} x`,
    `\uFEFF{"method":"GetLayout",${rest}}`, `{"method":"GetLayout",${rest}}\u0000`, `/**/{"method":"GetLayout",${rest}}`,
    `{"method":"GetLayout",/*"*/${rest}}`, `{"method":"GetLayout",${rest.replace('[]', '[NaN]')}}`,
    `{"method":"GetLayout",${rest.replace('[]', '["\n"]')}}`, `${'['.repeat(100_000)}`,
    `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)},"method":"GetLayout",${rest}}`,
    // The app of the socket, and soft patches.
    '{"method":"OpenDoc","handle":-1,"id":1}', '{"method":"ApplyPatches","handle":1,"id":1}',
    ...[
      '["staff"]', '[]', '{}', 'null', '"sales"', '[["sales"]]', '{"qDocName":"staff"}',
      '{"qDocName":"sales","QDocName":"staff"}', '{"qDocName":"sales","qDocName":"staff"}', '["sales\\u0000"]',
      '["Sales"]', '{"0":"sales"}', '["/sales"]'
    ].map(params => `{"method":"OpenDoc","handle":-1,"params":${params},"id":1}`),
    ...[
      '[[]]', '[[],false]', '[[],1]', '[[],"true"]', '[[],null]', '{}', '{"qPatches":[],"qSoftPatch":1}',
      '{"qSoftPatch":true,"qsoftpatch":false}', '{"qSoftPatch":true,"qSoftPatch":false}', 'true', 'null'
    ].map(params => `{"method":"ApplyPatches","handle":1,"params":${params},"id":1}`)
  ]
  t.ok(messages.length > 200, String(messages.length))
  const passed = (frames: Buffer[]) => {
    const guard = new EngineGuard({ appId: 'sales', view: true }, () => {})
    return frames.some(frame => guard.push(frame).toTenant.length > 0)
  }
  t.same(messages.filter(message => passed([clientFrame(message)])), [])
  t.same(
    messages.filter(message => passed([clientFrame(message.slice(0, 9), { fin: false }), clientFrame(message.slice(9), { opcode: 0 })])),
    [],
    'in fragments'
  )
})

t.test('no spelling of a call gets around the list of calls', async t => {
  const decide = allowApi(['GET /api/v1/items/:id', 'GET /api/v1/apps/:id/media/*'])
  const paths = [
    ...spellings('items').map(word => `/api/v1/${word}/secret`).slice(1), ...spellings('users').map(word => `/api/v1/${word}`),
    ...[
      'x%2Factions', 'x%2factions', 'x%5Cactions', 'x;actions', 'x%3Bactions', 'x%3Factions', 'x%23actions',
      'x%252Factions', '%61ctions', 'action%73', '%2E', 'x%2E', '%5F', '%7E', '%2D', 'x/actions', ''
    ].map(id => `/api/v1/items/${id}`),
    ...[
      '/api/v1/apps/a/b/media/x', '/api/v1/apps/a%2Fb/media/x', '/api/v1/apps/a/media', '/api/v1/apps//media/x',
      '/api/v1/apps/a/../media/x', '/API/v1/items/x', '/api/V1/items/x', '/api/v1/Items/x', '/api/v1%2Fitems/x',
      '/api/v1/items%2Fx', '/api//v1/items/x', '/api/v1/./items/x', '/api', '/api/', '/api/v1', '/api/v1/items'
    ]
  ]
  const calls = [
    ...paths.map(path => ['GET', path]),
    ...['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'get', 'Get', ''].map(method => [method, '/api/v1/items/x'])
  ] as [string, string][]
  t.equal(decide({ kind: 'rest', method: 'GET', path: '/api/v1/items/x' }), 'allow')
  t.same(
    calls.filter(
      ([method, path]) => isCanonicalPath(path) && kindOf(path) === 'rest' && decide({ kind: 'rest', method, path }) === 'allow'
    ),
    []
  )
})

t.test('whatever is pipelined on one connection, in pieces too, the tenant hears of allowed calls alone', async t => {
  const { origin, cookie, received } = await startBeforeUpstream(
    t,
    (_request, response) => { response.end('{}') },
    { settings: { ALLOWED_APPS: 'sales', READ_ONLY: 'true' } }
  )
  const allowed = '/api/v1/apps/sales'
  const ask = (method: string, path: string, more = '') =>
    `${method} ${path} HTTP/1.1\r\nHost: ${new URL(origin).host}\r\nCookie: ${cookie}\r\nSec-Fetch-Site: same-origin\r\n${more}\r\n`
  const upgrade =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
  async function send (path: string, at: number): Promise<void> {
    const hidden = ask('GET', path)
    const bytes = [
      ask('GET', allowed), ask('GET', path), ask('POST', allowed, 'Content-Length: 0\r\n'),
      // A request that stands in the body of another is none.
      ask('POST', allowed, `Content-Length: ${hidden.length}\r\n`) + hidden,
      path.startsWith('/app/') ? ask('GET', path, upgrade) : ask('GET', allowed, 'Connection: close\r\n')
    ].join('')
    const socket = await openRaw(t, origin)
    const answered = text(socket)
    // In pieces of a length of its own for each.
    const length = 40 + at % 200
    for (let sent = 0; sent < bytes.length && !socket.destroyed; sent += length) socket.write(bytes.slice(sent, sent + length), 'latin1')
    socket.end()
    await answered
  }
  for (let at = 0; at < hostilePaths.length; at += 20) {
    await Promise.all(hostilePaths.slice(at, at + 20).map(async (path, index) => { await send(path, at + index) }))
  }
  t.ok(received.length >= hostilePaths.length)
  t.same([...new Set(received.map(({ method, url }) => `${method} ${url}`))], [`GET ${allowed}`])
})
