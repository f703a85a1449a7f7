import fc from 'fast-check'
import t from 'tap'
import { EngineGuard } from '../../../src/policy/engine/guard.js'
import { clientFrame, serverTexts, type FrameShape } from '../../helpers/client-frames.js'

const request = (method: string, handle = 1, params: unknown = [], id = 7) =>
  JSON.stringify({ method, handle, params, delta: true, jsonrpc: '2.0', id })
const layout = request('GetLayout')

function startGuard (view = true) {
  const denied: [rule: string, method: string][] = []
  const guard = new EngineGuard({ appId: 'sales', view }, (rule, method) => { denied.push([rule, method]) })
  const push = (bytes: Buffer) => {
    const { toTenant, toBrowser, end } = guard.push(bytes)
    return {
      passed: Buffer.concat(toTenant),
      answers: serverTexts(Buffer.concat(toBrowser)).map(
        text => JSON.parse(text) as { id: number | null, error: { code: number, parameter: string, message: string } }
      ),
      end
    }
  }
  return { push, denied }
}

t.test('what passes is byte for byte what came, however it is cut', async t => {
  const shapes = [
    clientFrame(layout),
    clientFrame(request('OpenDoc', -1, ['sales'])),
    clientFrame('', { opcode: 9 }),
    clientFrame(request('CreateSessionObject', 1, [{ text: 'x'.repeat(70_000) }])),
    clientFrame(request('GetLayout', 3, ['y'.repeat(300)]))
  ]
  const whole = Buffer.concat(shapes)
  await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1 }), async sizes => {
    const { push } = startGuard()
    const passed: Buffer[] = []
    for (let at = 0, turn = 0; at < whole.length; turn++) {
      const end = at + (sizes[turn % sizes.length] as number)
      passed.push(push(whole.subarray(at, end)).passed)
      at = end
    }
    return Buffer.concat(passed).equals(whole)
  }), { numRuns: 50, examples: [[[1]]] })
})

t.test('frames that came in one piece leave in one, except for what is refused between them', async t => {
  const guard = new EngineGuard({ appId: 'sales', view: true }, () => {})
  const [read, write] = [clientFrame(layout), clientFrame(request('DoSave'))]
  t.same(guard.push(Buffer.concat([read, read, read])).toTenant, [Buffer.concat([read, read, read])])
  t.same(guard.push(Buffer.concat([read, read, write, read])).toTenant, [Buffer.concat([read, read]), read])
})

t.test('fragments are judged as the message that they make, and pass as the fragments that they were', async t => {
  const { push, denied } = startGuard()
  const fragments = (text: string) => [
    clientFrame(text.slice(0, 5), { fin: false }),
    clientFrame(text.slice(5, 20), { opcode: 0, fin: false }),
    clientFrame(text.slice(20), { opcode: 0 })
  ]
  const ping = clientFrame('', { opcode: 9 })
  const [first = ping, second = ping, last = ping] = fragments(layout)
  t.same(push(Buffer.concat([first, ping, second])).passed, ping, 'a ping is not held up')
  t.same(push(last).passed, Buffer.concat([first, second, last]))
  t.match(push(Buffer.concat(fragments(request('DoSave')))), { passed: Buffer.alloc(0), answers: [{ id: 7 }] })
  t.same(denied, [['ENGINE_MODE', 'DoSave']])
})

t.test('messages pass with all members that Qlik\'s clients write', async t => {
  const { push } = startGuard()
  t.not(
    push(clientFrame('{"delta":false,"handle":2,"method":"GetProperties","params":[],"id":7,"return_empty":true,"jsonrpc":"2.0"}')).passed
      .length,
    0
  )
  t.not(push(clientFrame('{"jsonrpc":"2.0","handle":-1,"id":1,"delta":true,"method":"OpenDoc","params":["sales"]}')).passed.length, 0)
})

t.test('a method that is refused is answered with an error of its id that says why', async t => {
  const { push } = startGuard()
  t.match(push(clientFrame(request('DoSave'))).answers, [
    { id: 7, error: { code: 5, parameter: 'GW-POLICY-ENGINE', message: /^DoSave is refused by the gateway.*ENGINE_MODE=view/ } }
  ])
  t.match(push(clientFrame('[]')).answers, [{ id: null, error: { message: /could be read in two ways/ } }])
})

t.test('an app is opened on its own socket alone, whatever the mode', async t => {
  for (const view of [true, false]) {
    const { push, denied } = startGuard(view)
    for (const params of [['sales'], { qDocName: 'sales', qNoData: false }]) {
      t.not(push(clientFrame(request('OpenDoc', -1, params))).passed.length, 0)
    }
    for (const params of [['staff'], [], { qDocName: 'staff' }, { qDocName: 'sales', qdocname: 'staff' }, null, ['sales\0']]) {
      t.equal(push(clientFrame(request('OpenDoc', -1, params))).passed.length, 0)
    }
    for (const method of ['GetDocList', 'CopyApp', 'CreateSessionAppFromApp']) {
      t.equal(push(clientFrame(request(method, -1))).passed.length, 0, method)
    }
    t.equal(denied.every(([rule]) => rule === (view ? 'ENGINE_MODE' : 'ALLOWED_APPS')), true)
  }
})

t.test('without view mode everything may be done in the app, except by a request inside of another', async t => {
  const { push } = startGuard(false)
  for (const method of ['DoSave', 'SetProperties', 'ApplyPatches']) t.not(push(clientFrame(request(method))).passed.length, 0, method)
  t.match(push(clientFrame(request('BulkRequest'))), { passed: Buffer.alloc(0), answers: [{ error: { message: /ALLOWED_APPS/ } }] })
})

t.test('patches are for the session alone', async t => {
  const { push } = startGuard()
  for (const params of [[[], true], { qPatches: [], qSoftPatch: true }]) {
    t.not(push(clientFrame(request('ApplyPatches', 1, params))).passed.length, 0)
  }
  for (const params of [[[]], [[], false], [[], 1], [[], 'true'], { qPatches: [] }, { qSoftPatch: true, QSoftPatch: false }]) {
    t.equal(push(clientFrame(request('ApplyPatches', 1, params))).passed.length, 0)
  }
})

t.test('what is no text message of RFC 6455 ends the socket, and nothing of it passes', async t => {
  const cases: [what: string, bytes: Buffer, code: number][] = [
    ['binary', clientFrame(layout, { opcode: 2 }), 1003],
    ['compressed', clientFrame(layout, { reserved: 0x40 }), 1002],
    ['unmasked', clientFrame(layout, { mask: Buffer.alloc(0) }), 1002],
    ['reserved opcode', clientFrame(layout, { opcode: 3 }), 1002],
    ['reserved control opcode', clientFrame('', { opcode: 11 }), 1002],
    ['a long ping', clientFrame('x'.repeat(126), { opcode: 9 }), 1002],
    ['a ping in fragments', clientFrame('', { opcode: 9, fin: false }), 1002],
    ['a continuation of nothing', clientFrame(layout, { opcode: 0 }), 1002],
    ['a message in a message', Buffer.concat([clientFrame('{', { fin: false }), clientFrame(layout)]), 1002],
    ['a length in two bytes too many', clientFrame('{}', { lengthBytes: 2 }), 1002],
    ['a length in eight bytes too many', clientFrame(layout, { lengthBytes: 8 }), 1002],
    ['not UTF-8', clientFrame(Buffer.from([0x22, 0xff, 0x22])), 1007],
    ['too long', clientFrame(Buffer.alloc(1_048_576, 0x20)).subarray(0, 14), 1009],
    ['too long in fragments',
      Buffer.concat([
        clientFrame(Buffer.alloc(1_000_000, 0x20), { fin: false }),
        clientFrame(Buffer.alloc(60_000, 0x20), { opcode: 0, fin: false })
      ]),
      1009]
  ]
  for (const [what, bytes, code] of cases) {
    const { push } = startGuard()
    t.match(push(bytes), { passed: Buffer.alloc(0), end: { code } }, what)
    t.match(push(clientFrame(layout)), { passed: Buffer.alloc(0), end: undefined }, `${what}: and nothing behind it`)
  }
})

t.test('nothing passes behind a close frame', async t => {
  const { push } = startGuard()
  const close = clientFrame(Buffer.from([3, 232]), { opcode: 8 } satisfies FrameShape)
  t.same(push(Buffer.concat([close, clientFrame(layout)])).passed, close)
  t.equal(push(clientFrame(layout)).passed.length, 0)
})

t.test('what fails besides the frames is no fault of the browser: it is raised', async t => {
  const guard = new EngineGuard({ appId: 'sales', view: true }, () => { throw new Error('no metrics') })
  t.throws(() => guard.push(clientFrame(request('DestroyObject'))), { message: 'no metrics' })
})
