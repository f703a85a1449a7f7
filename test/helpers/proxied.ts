import { once } from 'node:events'
import { request, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { alice } from '../../sandbox/identities.js'
import { createBrowser, login, type Browser } from './browser-jar.js'
import { asScript, startGateway } from './gateway.js'
import { reservePort } from './ports.js'
import { serveHttp } from './servers.js'
import { cookieOf, freshSession, tenantAt } from './session-cookie.js'

/** Puts a proxy on a port, before the gateway at this origin and a site whose pages say "the site". */
export type StartProxy = (t: Test, port: number, gateway: string) => Promise<void>

/** A gateway of the sandbox behind a proxy, and a browser that nobody has signed in with. */
export async function startSignIn (t: Test, startProxy: StartProxy): Promise<{ port: number, origin: string, browser: Browser }> {
  const port = await reservePort()
  const origin = `http://localhost:${port}`
  const stage = await startGateway(t, { settings: { PUBLIC_URL: origin } })
  await startProxy(t, port, stage.origin)
  return { port, origin, browser: createBrowser() }
}

/** A user signs in, reads, writes, opens a socket and hears of the sign-out, all by the origin of the proxy. */
export async function useThrough (t: Test, startProxy: StartProxy): Promise<void> {
  const { port, origin, browser } = await startSignIn(t, startProxy)
  const ended = await login(browser, `${origin}/login?returnto=/`, alice)
  t.equal(ended.url, `${origin}/`)
  t.equal(await ended.text(), 'the site', 'the pages are the site\'s')
  t.equal(await (await browser.fetch(`${origin}/apply.html`)).text(), 'the site', 'a path that only begins like one of the gateway')

  const { csrfToken } = await (await browser.fetch(`${origin}/gateway/session`, asScript())).json() as { csrfToken: string }
  const spaces = await (await browser.fetch(`${origin}/api/v1/spaces?limit=1`, asScript())).json() as { links: { next: { href: string } } }
  t.ok(spaces.links.next.href.startsWith(`${origin}/api/v1/spaces?`))
  const written = await browser.fetch(
    `${origin}/api/v1/temp-contents/files`,
    asScript({ method: 'POST', headers: { origin, 'upload-length': '4', 'tus-resumable': '1.0.0' } })
  )
  t.equal(written.status, 201)

  const cookie = browser.cookies.header(new URL(origin))
  const socket = new WebSocket(`ws://localhost:${port}/app/${SALES_APP_ID}?qlik-csrf-token=${csrfToken}`, { headers: { cookie, origin } })
  t.teardown(() => { socket.terminate() })
  const [message] = await once(socket, 'message') as [Buffer]
  t.match(message.toString(), /OnConnected/)

  const events = (await browser.fetch(`${origin}/gateway/events`, asScript())).body?.pipeThrough(new TextDecoderStream()).getReader()
  t.match((await events?.read())?.value, /^retry:/, 'the first event is not held back')
  const closed = once(socket, 'close') as Promise<[number]>
  t.equal((await browser.fetch(`${origin}/logout`, asScript({ method: 'POST', headers: { origin } }))).status, 204)
  t.match((await events?.read())?.value, /event: signed-out/)
  t.equal((await closed)[0], 4006)
}

/** Four cookies of a session come and go, the bytes of an address stay, and bodies stream: each piece goes on when it comes. */
export async function streamThrough (t: Test, startProxy: StartProxy): Promise<void> {
  const { origin: tenant, server } = await serveHttp(t, () => {})
  const port = await reservePort()
  const origin = `http://localhost:${port}`
  const half = 12 * 3_600_000
  const gateway = await startGateway(t, { tenant: { origin: tenant }, settings: { PUBLIC_URL: origin } })
  await startProxy(t, port, gateway.origin)
  const session = freshSession()
  const large = {
    ...session,
    usedAt: session.usedAt - half,
    grant: { ...session.grant, accessToken: 'a'.repeat(8_000), refreshToken: 'r'.repeat(2_300) }
  }
  const cookie = await cookieOf(large, tenantAt(tenant))
  t.equal(cookie.split('; ').length, 4)

  const sending = request(`${origin}/api/v1/a%2Fb;c/x`, { method: 'PUT', headers: { cookie, origin }, maxHeaderSize: 65_536 })
  sending.write('first')
  const [incoming, outgoing] = await once(server, 'request') as [IncomingMessage, ServerResponse]
  t.same([incoming.url, incoming.headers.host], ['/api/v1/a%2Fb;c/x', new URL(tenant).host])
  t.equal(String((await once(incoming, 'data'))[0]), 'first', 'comes before the rest is sent')
  sending.end('rest')
  t.equal(await text(incoming), 'rest')

  outgoing.write('first')
  const [answer] = await once(sending, 'response') as [IncomingMessage]
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['set-cookie']?.length, 4, 'the session was used, and is written anew')
  t.equal(String((await once(answer, 'data'))[0]), 'first', 'comes before the rest is written')
  outgoing.end('rest')
  t.equal(await text(answer), 'rest')
}
