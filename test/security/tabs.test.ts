import fc from 'fast-check'
import t from 'tap'
import { alice, bob, type Identity } from '../../sandbox/identities.js'
import type { Tenant } from '../../sandbox/tenant.js'
import { createBrowser, login, send, type Browser } from '../helpers/browser-jar.js'
import { asScript, createClock, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { startReplicas } from '../helpers/replicas.js'

// Each run signs in for real: as many as other properties have would take the night.
const runs = Math.min(300, Number(process.env.FC_RUNS ?? 12))
const mostRedirects = 3

const clock = createClock()
const accessTokenSeconds = 60

/** Where the tabs are: one process, or replicas to which their requests go in turn. */
interface Place { tenant: Tenant, publicUrl: string, origins: string[], people: Map<Identity, Browser> }

/** The identity provider knows both, each in a profile of their own: who signs in is the test's to say. */
const meetPeople = () => new Map([alice, bob].map(user => [user, createBrowser({ stopAt: url => url.pathname === '/login/callback' })]))

// All of the runs sign in from one address within a minute or two.
const settings = { MAX_LOGINS_PER_MINUTE: '100000' }
const { origin, tenant } = await startGateway(t, { sandbox: { accessTokenSeconds }, clock, settings })
const places: Record<string, Place> = {
  'one process': { tenant, publicUrl: origin, origins: [origin], people: meetPeople() },
  'replicas that share a Redis': { ...await startReplicas(t, { accessTokenSeconds, clock, settings }), people: meetPeople() }
}

const kinds = ['sign-in', 'visit', 'sign-out', 'request', 'prefetch', 'expiry'] as const
/**
 * What happens in the tabs of one browser; `together`: the next begins before this has ended. `lost`: the answer that
 * matters never arrives.
 */
const steps = fc.array(fc.record({
  act: fc.constantFrom(...kinds),
  user: fc.constantFrom(alice, alice, bob),
  together: fc.boolean(),
  lost: fc.nat(7).map(chance => chance === 0)
}), { minLength: 1, maxLength: 9 })

type Step = typeof steps extends fc.Arbitrary<(infer Each)[]> ? Each : never

/** Something that changes who is signed in, from when its request leaves until its answer arrives; nobody's wish is to be signed out. */
interface Act { wish: Identity | undefined, leftAt: number, arrivedAt: number, lost: boolean }

async function signInAtTenant ({ people }: Place, authorization: string, user: Identity): Promise<string> {
  const url = new URL(authorization)
  url.searchParams.delete('prompt')
  const answer = await login(people.get(user) as Browser, url, user)
  return answer.headers.get('location') as string
}

/** Who may be signed in after these acts. Those that overlapped the last that was completed may have come before it or after. */
function allowedAfter (acts: readonly Act[]): (string | undefined)[] {
  const last = acts.filter(({ lost }) => !lost).sort((one, other) => other.arrivedAt - one.arrivedAt)[0]
  const tail = last === undefined ? acts : acts.filter(({ arrivedAt }) => arrivedAt >= last.leftAt)
  const wishes = new Set(tail.map(({ wish }) => wish?.id))
  // Who signs in as somebody else ends the session of before, whether the answer arrives or not.
  const isOpen = last === undefined || tail.some(({ lost }) => lost) || wishes.size > 1
  return [...wishes, ...(isOpen ? [undefined] : [])]
}

for (const [name, place] of Object.entries(places)) {
  t.test(`${name}: however tabs interleave, the browser ends with what was wanted last, no visit goes round, and one ` +
    'grant is left', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), steps, async (scheduler, steps) => { await run(place, scheduler, steps) }),
      { numRuns: runs, endOnFailure: true }
    )
  })
}

async function run (place: Place, scheduler: fc.Scheduler, steps: readonly Step[]): Promise<void> {
  const { tenant, publicUrl, origins } = place
  const { controls } = tenant
  for (const { id } of [alice, bob]) controls.revokeAll(id)
  const browser = createBrowser()
  const { cookies } = browser
  const acts: Act[] = []
  let ticks = 0
  let failures = 0

  type Exchange = { headers?: HeadersInit | undefined, wish?: Identity | 'out', lost?: boolean }
  async function exchange (address: string, { headers, wish, lost = false }: Exchange = {}): Promise<Response> {
    await scheduler.schedule(Promise.resolve(), `${address.replace(/\?.*/, '')} leaves`)
    const url = new URL(address, publicUrl)
    const replica = new URL(url.pathname + url.search, origins[ticks % origins.length])
    const leftAt = ticks++
    const answer = await send(replica, {
      headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate', ...headers, cookie: cookies.header(url) }
    })
    await answer.body?.cancel()
    await scheduler.schedule(Promise.resolve(), lost ? 'is lost' : 'arrives')
    if (!lost) cookies.store(url, answer.headers)
    if (answer.status >= 500 && answer.status !== 503) failures++
    if (wish !== undefined && answer.status < 400) acts.push({ wish: wish === 'out' ? undefined : wish, leftAt, arrivedAt: ticks++, lost })
    return answer
  }

  async function signIn (address: string, user: Identity, lost: boolean): Promise<void> {
    const begun = await exchange(address)
    const location = begun.headers.get('location') ?? ''
    if (!location.startsWith(tenant.origin)) return
    await exchange(await signInAtTenant(place, location, user), { wish: user, lost })
  }

  const ways: Record<typeof kinds[number], (user: Identity, lost: boolean) => Promise<unknown>> = {
    'sign-in': async (user, lost) => { await signIn('/login?prompt=login&returnto=/healthz', user, lost) },
    async visit (user, lost) {
      const answer = await exchange('/api/v1/items')
      if (answer.status === 302) await signIn(answer.headers.get('location') as string, user, lost)
    },
    'sign-out': async (_user, lost) => await exchange('/logout?returnto=/healthz', { wish: 'out', lost }),
    request: async (_user, lost) => await exchange('/api/v1/items', { headers: asScript().headers, lost }),
    async prefetch () {
      for (const address of ['/login', '/logout', '/login/callback?code=x&state=y']) {
        await exchange(address, { headers: { 'sec-purpose': 'prefetch' } })
      }
    },
    async expiry () { clock.aheadMs += 55_000 }
  }

  async function takePlace (): Promise<void> {
    let pending: Promise<unknown>[] = []
    for (const { act, user, together, lost } of steps) {
      pending.push(ways[act](user, lost))
      if (together) continue
      await Promise.all(pending)
      pending = []
    }
    await Promise.all(pending)
  }

  await scheduler.waitFor(takePlace())
  if (failures > 0) throw new Error(`${failures} answers were failures of the gateway`)
  await judge(place, browser, acts)
}

/** What must hold when all tabs stand still. */
async function judge ({ tenant: { controls }, publicUrl, origins }: Place, browser: Browser, acts: readonly Act[]): Promise<void> {
  const origin = origins.at(-1) as string
  const session = await (await browser.fetch(`${origin}/gateway/session`, asScript())).json() as {
    authenticated: boolean
    user?: { id: string }
  }
  const allowed = allowedAfter(acts)
  if (acts.length > 0 && !allowed.includes(session.user?.id)) {
    throw new Error(`${session.user?.id} is signed in, and not one of ${String(allowed)}`)
  }
  const { status } = await browser.fetch(`${origin}/api/v1/items`, asScript())
  if (status !== (session.authenticated ? 200 : 401)) throw new Error(`a call is answered ${status}`)
  // Who signs in three times within a minute is stopped for a loop, with a page.
  clock.aheadMs += 61_000
  const hops = browser.hops.length
  const page = await login(browser, `${publicUrl}/api/v1/items`, alice)
  await page.body?.cancel()
  if (page.status !== 200) throw new Error(`a visit ends with ${page.status}`)
  const times = browser.hops.slice(hops).filter(({ to }) => to.startsWith(`${publicUrl}/login?`)).length
  if (times > mostRedirects) throw new Error(`a visit was sent to the login ${times} times`)
  await until(() => controls.liveTokens(alice.id) + controls.liveTokens(bob.id) <= 1)
}
