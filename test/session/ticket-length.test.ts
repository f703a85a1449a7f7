import { randomBytes } from 'node:crypto'
import { request, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { startGateway } from '../helpers/gateway.js'
import { openHeldPage } from '../helpers/held-page.js'
import { startNginx, startSite } from '../helpers/nginx.js'
import { reservePort } from '../helpers/ports.js'
import { freshSession } from '../helpers/session-cookie.js'

const site = 'https://www.customer.test'

/**
 * Puts nginx before a gateway; what it answers to a page that holds a session with tokens of so many bytes, and the
 * length of its ticket.
 */
async function ask (
  t: Test,
  startProxy: (t: Test, port: number, gateway: string) => Promise<void>,
  sizes: [access: number, refresh: number][]
) {
  const settings = { PUBLIC_URL: 'https://qlik.vendor.test', EMBED_ORIGINS: site, COOKIE_MODE: 'cross-site' }
  const { tenant, origin } = await startGateway(t, { tenant: 'plain', settings })
  const port = await reservePort()
  await startProxy(t, port, origin)
  const call = async (at: number, method: string, path: string, headers: Record<string, string>) => {
    const [answer] = await once(
      request({ port: at, host: '127.0.0.1', method, path, headers: { host: 'qlik.vendor.test', ...headers } }).end(),
      'response'
    ) as [IncomingMessage]
    return answer
  }
  const page = await openHeldPage(site)
  const told: { length: number, statuses: number[] }[] = []
  for (const [access, refresh] of sizes) {
    const random = (bytes: number) => randomBytes(bytes).toString('base64url').slice(0, bytes)
    const session = freshSession()
    const sealed = await page.hold(
      { ...session, grant: { ...session.grant, accessToken: random(access), refreshToken: random(refresh) } },
      tenant
    )
    const rest = await call(port, 'GET', '/api/v1/items', await page.prove(sealed))
    rest.resume()
    // The ticket itself is asked for without the proxy: a header that is too long for it would stop the test before the address can.
    const { ticket } = JSON.parse(
      await text(await call(Number(new URL(origin).port), 'POST', '/gateway/ticket', await page.prove(sealed, 'POST')))
    ) as { ticket: string }
    const events = await call(port, 'GET', `/gateway/events?qlik-gateway-ticket=${ticket}`, { origin: site })
    events.destroy()
    told.push({ length: ticket.length, statuses: [rest.statusCode ?? 0, events.statusCode ?? 0] })
  }
  return told
}

// As large as a session can be that fits into headers at all.
const largest: [number, number] = [8_000, 3_200]

t.test('behind nginx as deploy/ sets it up a page that holds the largest of sessions makes its calls and opens its sockets', async t => {
  const [{ length, statuses } = { length: 0, statuses: [] }] = await ask(t, startSite, [largest])
  t.ok(length > 15_000)
  t.same(statuses, [200, 200])
})

t.test('behind nginx with its own limits, 8 KB a line, tokens of 2.4 KB pass in a header and in the address, and ' +
  'larger ones in neither', async t => {
  const bare = async (t: Test, port: number, gateway: string) => {
    const location = `location / { proxy_pass ${gateway.replace('localhost', '127.0.0.1')}; proxy_set_header Host $http_host; }`
    await startNginx(t, `http://127.0.0.1:${port}`, `server { listen 127.0.0.1:${port}; ${location} }`)
  }
  const [usual, large] = await ask(t, bare, [[1_800, 600], largest])
  t.ok(usual !== undefined && usual.length < 4_096)
  t.same(usual?.statuses, [200, 200])
  t.same(large?.statuses, [400, 414])
})
