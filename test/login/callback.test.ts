import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { createBrowser, login, type Browser } from '../helpers/browser-jar.js'
import { createGate } from '../helpers/gate.js'
import { asScript, createClock, startGateway, type Stage } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { cookiesOf } from '../helpers/own-users.js'
import { openSession } from '../helpers/session-cookie.js'

const callbackOf = ({ origin }: { origin: string }) => (url: URL) => url.href.startsWith(`${origin}/login/callback`)

/** Goes up to the callback's address, which is not called yet; `start` is one that /login has led to, or /login itself. */
async function almostThere (stage: Stage, browser: Browser, start = '/login?returnto=/healthz'): Promise<URL> {
  const answer = await login(browser, new URL(start, stage.origin), alice)
  return new URL(answer.headers.get('location') ?? '', stage.origin)
}

const exchanges = ({ tenant: { controls } }: Stage) => controls.requests.filter(({ path }) => path === '/oauth/token').length
const locationOf = (answer: Response) => answer.headers.get('location')

t.test('five tabs that begin at the same time all end where they began', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser({ stopAt: callbackOf(stage) })
  await almostThere(stage, browser)
  const begun = await Promise.all(
    [1, 2, 3, 4, 5].map(async tab => await browser.fetch(`${stage.origin}/login?returnto=/tab${tab}`, { redirect: 'manual' }))
  )
  for (const [tab, answer] of begun.entries()) {
    const back = await browser.fetch(await almostThere(stage, browser, locationOf(answer) as string), { redirect: 'manual' })
    t.equal(locationOf(back), `${stage.origin}/tab${tab + 1}`)
  }
})

t.test('an answer of the callback takes no login away that has begun meanwhile', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser({ stopAt: callbackOf(stage) })
  const first = await almostThere(stage, browser)
  const slow = browser.fetch(first, { redirect: 'manual' })
  const second = await almostThere(stage, browser, '/login?returnto=/second&prompt=login')
  t.equal(locationOf(await slow), `${stage.origin}/healthz`)
  t.equal(locationOf(await browser.fetch(second, { redirect: 'manual' })), `${stage.origin}/second`)
})

t.test('a double click is one exchange, and both answers sign in', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser({ stopAt: callbackOf(stage) })
  const callback = await almostThere(stage, browser)
  const clicked = createGate()
  stage.tenant.controls.addFault({ path: '/oauth/token', until: clicked.opened, times: 1 })
  let received = 0
  stage.signals.on('received', () => { received++ })
  const clicks = [1, 2].map(async () => await browser.fetch(callback, { redirect: 'manual' }))
  await until(() => received === 2)
  clicked.open()
  for (const answer of await Promise.all(clicks)) {
    t.equal(locationOf(answer), `${stage.origin}/healthz`)
    t.ok(answer.headers.getSetCookie().some(line => line.startsWith('qlik-session=')))
  }
  t.equal(exchanges(stage), 1)
  t.equal(stage.tenant.controls.liveTokens(alice.id), 1)
})

t.test('a callback that comes again or late leads back where somebody is signed in, and to a way on where nobody is', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  const browser = createBrowser({ stopAt: callbackOf(stage) })
  const late = await almostThere(stage, browser, '/login?returnto=/late')
  const callback = await almostThere(stage, browser)
  const before = browser.cookies.header(new URL(stage.origin))
  await browser.fetch(callback, { redirect: 'manual' })
  t.equal(locationOf(await browser.fetch(callback, { redirect: 'manual' })), `${stage.origin}/healthz`, 'again')
  const unknown = new URL(callback)
  unknown.searchParams.set('state', `x${callback.searchParams.get('state') ?? ''}`)
  t.equal(locationOf(await browser.fetch(unknown, { redirect: 'manual' })), `${stage.origin}/`, 'of a login that nobody remembers')
  unknown.searchParams.set('state', 'x')
  t.equal((await browser.fetch(unknown, asScript())).status, 400, 'but not with a state that is none of ours')
  const again = await fetch(callback, { headers: { accept: 'text/html' }, redirect: 'manual' })
  clock.aheadMs = 600_000
  t.equal(locationOf(await browser.fetch(late, { redirect: 'manual' })), `${stage.origin}/late`, 'late')
  t.equal(exchanges(stage), 1)
  const tooLate = await fetch(late, { headers: { accept: 'text/html', cookie: before }, redirect: 'manual' })
  const next = await fetch(`${stage.origin}/login`, { redirect: 'manual' })
  const newer = String(next.headers.getSetCookie()[0]).split(';', 1)[0] as string
  const lost = await fetch(late, { headers: { accept: 'application/json', cookie: newer }, redirect: 'manual' })
  t.match(await lost.text(), 'GW-LOGIN-LATE', 'late, in a browser that has a newer login alone')
  const cases: [title: string, page: Response, code: string, returnTo: string][] = [
    ['late', tooLate, 'GW-LOGIN-LATE', `${stage.origin}/late`],
    ['again', again, 'GW-LOGIN-STATE', `${stage.origin}/healthz`]
  ]
  for (const [title, page, code, returnTo] of cases) {
    t.equal(page.status, 400, title)
    const text = await page.text()
    t.match(text, code, title)
    t.match(
      text,
      `<form action="${stage.origin}/login"><input type="hidden" name="returnto" value="${returnTo}"><button>Sign in again</button></form>`,
      title
    )
  }
})

t.test('a state that was answered is used, also with its old cookie', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser({ stopAt: callbackOf(stage) })
  const callback = await almostThere(stage, browser)
  const cookie = browser.cookies.header(new URL(callback))
  await browser.fetch(callback, { redirect: 'manual' })
  const again = await fetch(callback, { headers: { cookie, accept: 'application/json' }, redirect: 'manual' })
  t.equal(again.status, 400)
  t.match(await again.text(), 'GW-LOGIN-STATE')
})

t.test('while the tenant gives no answer a code can be brought again, by a reload', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser({ stopAt: callbackOf(stage) })
  const callback = await almostThere(stage, browser)
  stage.tenant.controls.addFault({ path: '/oauth/token', status: 503, times: 2 })
  for (const attempt of [1, 2]) {
    const page = await browser.fetch(callback, { redirect: 'manual' })
    t.equal(page.status, 503, String(attempt))
    t.match(await page.text(), 'Sign in again')
  }
  t.equal(locationOf(await browser.fetch(callback, { redirect: 'manual' })), `${stage.origin}/healthz`)
})

t.test('a code that was refused is refused for the same reason at a reload', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser({ stopAt: callbackOf(stage) })
  const callback = await almostThere(stage, browser)
  stage.tenant.controls.addFault({ path: '/oauth/token', status: 400, times: 1 })
  for (let load = 0; load < 2; load++) {
    t.match(await (await browser.fetch(callback, asScript({ redirect: 'manual' }))).text(), 'GW-LOGIN-EXCHANGE')
  }
  t.equal(exchanges(stage), 1)
})

t.test('what nobody may see begins and uses up nothing', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser({ stopAt: callbackOf(stage) })
  const callback = await almostThere(stage, browser)
  const ways: RequestInit[] = [
    { method: 'HEAD' },
    ...['sec-purpose', 'purpose', 'x-moz'].map(name => ({ headers: { [name]: 'prefetch;prerender' } })),
    { headers: { 'x-purpose': 'Preview' } }
  ]
  for (const way of ways) {
    for (const address of [new URL('/login', stage.origin), callback]) {
      const answer = await browser.fetch(address, { ...way, redirect: 'manual' })
      t.equal(answer.status, 503)
      t.same(answer.headers.getSetCookie(), [])
    }
  }
  t.equal(locationOf(await browser.fetch(callback, { redirect: 'manual' })), `${stage.origin}/healthz`)
})

t.test('login cookies that do not open count as the oldest ones', async t => {
  const { origin } = await startGateway(t, { tenant: 'plain' })
  const begin = async (cookie: string) => await fetch(`${origin}/login`, { headers: { cookie }, redirect: 'manual' })
  const own = cookiesOf(await begin('a=b'))
  const foreign = ['1', '2', '3', '4', '5'].map(digit => `qlik-login-${digit.repeat(12)}=x`)
  const { headers } = await begin([...foreign, own].join('; '))
  const dropped = headers.getSetCookie().filter(line => /max-age=0/i.test(line)).map(line => line.split('=', 1)[0])
  t.equal(dropped.length, 2)
  t.notOk(dropped.includes(own.split('=', 1)[0]))
})

t.test('the subject of a session whose access token is opaque is the id in the profile, if the tenant tells it', async t => {
  const profiles: [status: number, subject: string | undefined][] = [[200, 'u1'], [500, undefined]]
  for (const [status, subject] of profiles) {
    const { origin, tenant } = await startGateway(t, {
      tenant: ({ url }, response) => {
        const isToken = url === '/oauth/token'
        const answer = isToken ? { access_token: 'opaque', refresh_token: 'another', expires_in: 3_600 } : { id: 'u1' }
        response.writeHead(isToken ? 200 : status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
      }
    })
    const begun = await fetch(`${origin}/login`, { redirect: 'manual' })
    const state = new URL(String(locationOf(begun))).searchParams.get('state')
    const headers = { cookie: cookiesOf(begun) }
    const back = await fetch(`${origin}/login/callback?code=a-code&state=${state}`, { headers, redirect: 'manual' })
    t.equal((await openSession(cookiesOf(back), tenant)).subject, subject)
  }
})
