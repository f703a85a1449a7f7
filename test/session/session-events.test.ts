import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import type { Browser } from '../helpers/browser-jar.js'
import { createBrowser } from '../helpers/browser-jar.js'
import { asScript, createClock, startGateway, type Stage } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'

/** Opens the stream; `until` reads on to a text and resolves with all that came. */
async function openEvents (stage: Stage, browser: Browser, signal?: AbortSignal) {
  const answer = await browser.fetch(`${stage.origin}/gateway/events`, asScript(signal === undefined ? {} : { signal }))
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const until = async (wanted: string): Promise<string> => {
    while (!text.includes(wanted)) {
      const { done, value } = await reader?.read() ?? { done: true }
      if (done) return `${text}(end)`
      text += value
    }
    return text
  }
  return { answer, until }
}

t.test('a page hears that its session ends soon, and that it is over', async t => {
  const clock = { ahead: 0 }
  const stage = await startGateway(t, { clock: { now: () => Date.now() + clock.ahead }, settings: { SESSION_MAX_SECONDS: '600' } })
  const browser = await stage.signIn()
  const events = await openEvents(stage, browser)
  t.equal(events.answer.status, 200)
  t.equal(events.answer.headers.get('content-type'), 'text/event-stream')
  t.equal(events.answer.headers.get('cache-control'), 'no-store')
  t.same(events.answer.headers.getSetCookie(), [], 'listening is no use of the session')
  clock.ahead = 30_000
  await events.until(':\n\n')
  clock.ahead = 541_000
  t.match(await events.until('event: expiring'), /event: expiring\ndata: \{"expiresAt":"\d{4}-.*Z"\}\n\n/)
  clock.ahead = 600_000
  t.match(await events.until('(never)'), /event: signed-out\ndata: \{\}\n\n\(end\)$/)
})

t.test('a page that only listens hears of the idle end, and goes on listening where another has used the session', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock, settings: { SESSION_IDLE_SECONDS: '600' } })
  const browser = await stage.signIn()
  const streams = [await openEvents(stage, browser)]
  clock.aheadMs = 500_000
  await browser.fetch(`${stage.origin}/api/v1/items`, asScript())
  clock.aheadMs = 601_000
  t.match(
    await streams[0]?.until('(never)'),
    /^retry: 2000\n\n(:\n\n)*\(end\)$/,
    'the browser is to look again, with the cookie that it has'
  )
  const second = await openEvents(stage, browser)
  clock.aheadMs = 1_200_000
  t.notMatch(await second.until('(never)'), 'signed-out')
  const third = await openEvents(stage, browser)
  t.equal(third.answer.status, 200)
  t.match(await third.until('(never)'), /^retry: 86400000\n\nevent: signed-out\ndata: \{\}\n\n\(end\)$/)
})

t.test('a page whose socket is open does not hear of an idle end', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock, settings: { SESSION_IDLE_SECONDS: '600' } })
  const browser = await stage.signIn()
  const socket = new WebSocket(`${stage.origin.replace('http', 'ws')}/app/${SALES_APP_ID}`, {
    headers: { cookie: browser.cookies.header(new URL(stage.origin)), origin: stage.origin }
  })
  t.teardown(() => { socket.terminate() })
  await once(socket, 'message')
  const events = await openEvents(stage, browser)
  clock.aheadMs = 700_000
  t.match(await events.until(':\n\n'), /^retry: 2000\n\n:\n\n$/)
})

t.test('a session that its user signs in to again is listened to for its new life', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock, settings: { SESSION_MAX_SECONDS: '600', SESSION_IDLE_SECONDS: '600' } })
  const browser = await stage.signIn()
  const events = await openEvents(stage, browser)
  clock.aheadMs = 500_000
  await (await browser.fetch(`${stage.origin}/login?prompt=login&returnto=/healthz`)).body?.cancel()
  clock.aheadMs = 1_000_000
  t.notMatch(await events.until(':\n\n'), 'signed-out')
  clock.aheadMs = 1_101_000
  t.match(await events.until('(never)'), /event: signed-out\ndata: \{\}\n\n\(end\)$/)
})

t.test('a clock that is set back silences no stream', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  const events = await openEvents(stage, await stage.signIn())
  clock.aheadMs = -7_200_000
  t.notMatch(await events.until(':\n\n'), 'signed-out')
})

t.test('signing out is heard on every stream of the session', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  const streams = [await openEvents(stage, browser), await openEvents(stage, browser)]
  const leaving = new AbortController()
  await openEvents(stage, browser, leaving.signal)
  leaving.abort()
  await browser.fetch(`${stage.origin}/logout`, asScript({ method: 'POST', headers: { origin: stage.origin } }))
  for (const { until } of streams) t.match(await until('(never)'), /event: signed-out/)
})

t.test('without a session there is no stream, and a gateway that drains ends those that are open', async t => {
  const stage = await startGateway(t)
  t.equal((await createBrowser().fetch(`${stage.origin}/gateway/events`, asScript())).status, 401)
  const events = await openEvents(stage, await stage.signIn())
  const closed = stage.app.close()
  t.match(await events.until('(never)'), /^retry: 2000\n\n\(end\)$/)
  await closed
})

t.test('a session listens twenty times at most, and only by GET', async t => {
  const stage = await startGateway(t)
  const [browser, other] = [await stage.signIn(), await stage.signIn()]
  const head = await browser.fetch(`${stage.origin}/gateway/events`, asScript({ method: 'HEAD' }))
  t.match([head.status, head.headers.get('allow')], [405, 'GET'])
  const leaving = new AbortController()
  const first = await openEvents(stage, browser, leaving.signal)
  const streams = await Promise.all(Array.from({ length: 19 }, async () => await openEvents(stage, browser)))
  t.same(new Set([first, ...streams].map(({ answer }) => answer.status)), new Set([200]))
  const refused = await browser.fetch(`${stage.origin}/gateway/events`, asScript())
  t.equal(refused.status, 429)
  t.match(await refused.json(), { errors: [{ code: 'GW-TOO-MANY-STREAMS' }] })
  t.equal((await openEvents(stage, other)).answer.status, 200, 'another session has its own')
  leaving.abort()
  await until(async () => (await openEvents(stage, browser)).answer.status === 200)
})
