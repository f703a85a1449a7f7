import { once } from 'node:events'
import { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { Splice } from '../../src/forward/splice.js'
import { EngineGuard } from '../../src/policy/engine/guard.js'
import { clientFrame, serverTexts } from '../helpers/client-frames.js'

const nothing = Buffer.alloc(0)
const message = (id: number, method: string) => clientFrame(JSON.stringify({ jsonrpc: '2.0', id, method, handle: 1, params: [] }))

/** One side of a WebSocket that takes what it is given when it is told to. */
function openSide (t: Test) {
  const given: Buffer[] = []
  let takes = false
  let waiting = (): void => {}
  const socket = new Duplex({
    writableHighWaterMark: 1,
    read () {},
    write (chunk: Buffer, _encoding, done) {
      given.push(chunk)
      if (takes) done()
      else waiting = done
    }
  })
  t.teardown(() => { socket.destroy() })
  return {
    socket,
    /** What it was given, and has taken or is about to take. */
    given: () => Buffer.concat(given),
    /** Takes all that waits for it. */
    async take () {
      const drained = once(socket, 'drain')
      takes = true
      waiting()
      await drained
      takes = false
    },
    /** Says something, and waits until that is read. */
    async say (bytes: Buffer) {
      const read = once(socket, 'data')
      socket.push(bytes)
      await read
    }
  }
}

t.test('a browser that does not take what it is answered is not listened to, and neither is one whose tenant takes nothing', async t => {
  const [browser, tenant] = [openSide(t), openSide(t)]
  const guard = new EngineGuard({ appId: 'sales', view: true }, () => {})
  const splice = { browser: browser.socket, tenant: tenant.socket, fromBrowser: nothing, fromTenant: nothing, guard, onClosed: () => {} }
  t.type(new Splice(splice), Splice)
  await browser.say(Buffer.concat([message(1, 'GetLayout'), message(2, 'DoSave'), message(3, 'GetLayout')]))
  t.match(serverTexts(browser.given()), [/"id":2,"error"/])
  t.ok(browser.socket.isPaused())
  await browser.take()
  t.ok(browser.socket.isPaused(), 'the tenant takes nothing yet')
  await tenant.take()
  t.same(tenant.given(), Buffer.concat([message(1, 'GetLayout'), message(3, 'GetLayout')]))
  t.notOk(browser.socket.isPaused())

  await browser.say(Buffer.concat([message(4, 'DoSave'), message(5, 'GetLayout')]))
  await tenant.take()
  t.ok(browser.socket.isPaused(), 'the browser has not taken its answer yet')
  await browser.take()
  t.notOk(browser.socket.isPaused())
  t.match(serverTexts(browser.given()), [/"id":2/, /"id":4/])
})
