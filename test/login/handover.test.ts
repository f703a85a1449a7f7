import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { alice, bob, type Identity } from '../../sandbox/identities.js'
import { noteSecrets } from '../../sandbox/secrets.js'
import { createBrowser, login } from '../helpers/browser-jar.js'
import { asScript, startGateway, type Stage } from '../helpers/gateway.js'
import { accessToken } from '../helpers/jwt.js'
import { until } from '../helpers/log.js'

const embedder = 'http://site.localhost:8080'
const settings = { EMBED_ORIGINS: `${embedder} http://other.localhost:8080` }

/** Signs in for a page of an embed origin; resolves with what the page at the end holds and the verifier that answers it. */
async function obtainCode (
  stage: Stage,
  {
    user = alice,
    page = `${embedder}/a?b=c#d`,
    popup = true,
    browser = createBrowser()
  }: { user?: Identity, page?: string, popup?: boolean, browser?: ReturnType<typeof createBrowser> } = {}
) {
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({
    returnto: page,
    handover: createHash('sha256').update(verifier).digest('base64url'),
    ...(popup ? { popup: '' } : {})
  })
  const answer = await login(browser, `${stage.origin}/login?${query}`, user)
  const text = await answer.text()
  const read = (name: string) => new RegExp(`data-${name}="([^"]*)"`).exec(text)?.[1]?.replaceAll('&#38;', '&')
  const address = read('address') ?? ''
  const code = address.split('qlik-gateway-code=')[1] ?? ''
  // What stands before the dot is the challenge, which may be known.
  noteSecrets({ handover_code: code.slice(code.indexOf('.') + 1) })
  return { answer, text, verifier, browser, origin: read('origin'), address, code }
}

async function exchange (stage: Stage, body: object, { origin = embedder, cookie = '' } = {}): Promise<Response> {
  return await fetch(`${stage.origin}/gateway/handover`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...(origin === undefined ? {} : { origin }), ...(cookie === '' ? {} : { cookie }) }
  })
}

const cookieOf = (answer: Response) => answer.headers.getSetCookie().map(line => line.split(';')[0]).join('; ')

async function whoIs (stage: Stage, cookie: string): Promise<string | undefined> {
  const session = await (await fetch(`${stage.origin}/gateway/session`, asScript({ headers: { cookie } }))).json() as {
    user?: { id: string }
  }
  return session.user?.id
}

t.test('a login for an embedding page ends with a code for that origin, and gives the window itself no session', async t => {
  const stage = await startGateway(t, { settings })
  const { answer, text, browser, origin, address, code, verifier } = await obtainCode(stage)
  t.equal(answer.status, 200)
  t.equal(origin, embedder)
  t.equal(address, `${embedder}/a?b=c#d&qlik-gateway-code=${code}`, 'the fragment of the page stays')
  t.match(code, /^[\w-]{43}\.[\w-]+\.[\w-]+$/)
  t.equal(answer.headers.get('cache-control'), 'no-store')
  t.match(answer.headers.get('content-security-policy'), /default-src 'none'.*frame-ancestors 'none'.*script-src 'sha256-/)
  t.notMatch(text, accessToken, 'no token is in the page')
  t.same(browser.cookies.names(stage.origin).filter(name => name.startsWith('qlik-')), [])

  const taken = await exchange(stage, { code, verifier })
  t.equal(taken.status, 204)
  t.equal(taken.headers.get('access-control-allow-origin'), embedder)
  t.equal(taken.headers.get('access-control-allow-credentials'), 'true')
  t.equal(taken.headers.get('cache-control'), 'no-store')
  t.equal(await whoIs(stage, cookieOf(taken)), alice.id)

  await t.test('a page that has no opener gets the code by its address alone', async t => {
    const full = await obtainCode(stage, { popup: false, page: `${embedder}/plain` })
    t.notMatch(full.text, /data-code|data-origin/)
    t.equal(full.address, `${embedder}/plain#qlik-gateway-code=${full.code}`)
  })
})

t.test('a code works once, for a minute, for its own page and with its own verifier', async t => {
  const clock = { ahead: 0 }
  const stage = await startGateway(t, { settings, clock: { now: () => Date.now() + clock.ahead } })
  const { code, verifier } = await obtainCode(stage)
  const other = await obtainCode(stage, { user: bob })
  const cases: [string, object, string | undefined, number, RegExp][] = [
    ['another verifier', { code, verifier: other.verifier }, embedder, 400, /GW-HANDOVER/],
    ['no verifier', { code }, embedder, 400, /GW-HANDOVER/],
    ['no code', { verifier }, embedder, 400, /GW-HANDOVER/],
    ['no values', [], embedder, 400, /GW-HANDOVER/],
    ['a code of another kind', { code: code.replace(/\.[\w-]{9}/, '.AAAAAAAAA'), verifier }, embedder, 400, /GW-HANDOVER/],
    ['another embed origin', { code, verifier }, 'http://other.localhost:8080', 400, /GW-HANDOVER/],
    ['the gateway\'s own origin', { code, verifier }, stage.origin, 400, /GW-HANDOVER/],
    ['a foreign origin', { code, verifier }, 'https://evil.example', 403, /GW-FOREIGN-ORIGIN/],
    ['a look-alike', { code, verifier }, `${embedder}.evil.example`, 403, /GW-FOREIGN-ORIGIN/],
    ['the origin null', { code, verifier }, 'null', 403, /GW-FOREIGN-ORIGIN/]
  ]
  for (const [title, body, origin, status, text] of cases) {
    const answer = await exchange(stage, body, { origin })
    t.equal(answer.status, status, title)
    t.match(await answer.text(), text, title)
    t.same(answer.headers.getSetCookie(), [], title)
  }
  const unnamed = await fetch(`${stage.origin}/gateway/handover`, {
    method: 'POST',
    body: JSON.stringify({ code, verifier }),
    headers: { 'content-type': 'application/json' }
  })
  t.equal(unnamed.status, 403, 'no origin at all')
  t.equal((await exchange(stage, { code, verifier })).status, 204)
  t.equal((await exchange(stage, { code, verifier })).status, 400, 'a second time')
  clock.ahead = 60_000
  t.equal((await exchange(stage, { code: other.code, verifier: other.verifier })).status, 400, 'a minute later')
})

t.test('a session that the page had ends when it takes another, and a code of an ended session gives nothing', async t => {
  const stage = await startGateway(t, { settings })
  const first = cookieOf(
    await (async () => {
      const { code, verifier } = await obtainCode(stage)
      return await exchange(stage, { code, verifier })
    })()
  )
  const { code, verifier } = await obtainCode(stage, { user: bob })
  const second = cookieOf(await exchange(stage, { code, verifier }, { cookie: first }))
  t.equal(await whoIs(stage, second), bob.id)
  t.equal(await whoIs(stage, first), undefined)
})

t.test('a challenge that is none is refused, and an address that is not allowed gets no code', async t => {
  const stage = await startGateway(t, { settings })
  for (const handover of ['', 'short', `${'a'.repeat(43)}<`]) {
    const answer = await fetch(`${stage.origin}/login?handover=${encodeURIComponent(handover)}`, { redirect: 'manual' })
    t.equal(answer.status, 400)
    t.match(await answer.text(), 'GW-HANDOVER')
  }
  for (const page of ['https://evil.example/', `${embedder}.evil.example/`, 'javascript:alert(1)', `${embedder}@evil.example/`]) {
    const { origin, address } = await obtainCode(stage, { page })
    t.equal(origin, stage.origin)
    t.ok(address.startsWith(`${stage.origin}/#`))
  }
})

t.test('preflights of the exchange are answered without a session', async t => {
  const stage = await startGateway(t, { settings })
  const answer = await fetch(`${stage.origin}/gateway/handover`, {
    method: 'OPTIONS',
    headers: { origin: embedder, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }
  })
  t.equal(answer.status, 204)
  t.equal(answer.headers.get('access-control-allow-origin'), embedder)
  t.match(answer.headers.get('access-control-allow-headers'), 'content-type')
})

t.test('a session that no cookies can hold is told in the window that signed in, and its tokens are given back', async t => {
  const stage = await startGateway(t, { settings })
  stage.tenant.controls.set({ accessTokenBytes: 13_000 })
  const { answer, text } = await obtainCode(stage)
  t.equal(answer.status, 502)
  t.match(text, 'GW-SESSION-TOO-LARGE')
  await until(() => stage.tenant.controls.grants.revoke === 1)
})
