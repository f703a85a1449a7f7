import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { alice } from '../../sandbox/identities.js'
import { createBrowser, login } from '../helpers/browser-jar.js'
import { asScript, freePort, startBefore, startStage } from '../helpers/gateway.js'
import { startSite } from '../helpers/nginx.js'
import { cookieOf, freshSession } from '../helpers/session-cookie.js'
import { serveHttp } from '../helpers/servers.js'

/** A gateway of the sandbox behind the site, and a browser that nobody has signed in with. */
async function startSignIn (t: Test) {
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const stage = await startStage(t, { settings: { PUBLIC_URL: origin } })
  await startSite(t, port, stage.origin)
  return { port, origin, browser: createBrowser() }
}

t.test('behind nginx a user signs in, reads, writes, opens a socket and hears of the sign-out, by one origin', async t => {
  const { port, origin, browser } = await startSignIn(t)
  const ended = await login(browser, `${origin}/login?returnto=/`, alice)
  t.equal(ended.url, `${origin}/`)
  t.equal(await ended.text(), 'the site', 'the pages are the site\'s')
  t.equal(await (await browser.fetch(`${origin}/apply.html`)).text(), 'not the engine')

  const { csrfToken } = await (await browser.fetch(`${origin}/gateway/session`, asScript())).json() as { csrfToken: string }
  const spaces = await (await browser.fetch(`${origin}/api/v1/spaces?limit=1`, asScript())).json() as { links: { next: { href: string } } }
  t.ok(spaces.links.next.href.startsWith(`${origin}/api/v1/spaces?`))
  const written = await browser.fetch(`${origin}/api/v1/temp-contents/files`, asScript({ method: 'POST', headers: { origin, 'upload-length': '4', 'tus-resumable': '1.0.0' } }))
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
})

t.test('nginx asks the gateway whether somebody is signed in, and sends people to the login and scripts away', async t => {
  const { origin, browser } = await startSignIn(t)
  const page = `${origin}/signed-in/page.html?part=1`
  const navigate = async () => {
    const [answer] = await once(request(page, { headers: { 'sec-fetch-mode': 'navigate', cookie: browser.cookies.header(new URL(page)) } }).end(), 'response') as [IncomingMessage]
    answer.resume()
    return answer.headers.location
  }
  const way = `${origin}/login?returnto=/signed-in/page.html?part=1`
  t.equal(await navigate(), way)
  t.equal((await browser.fetch(page, asScript())).status, 401)
  t.equal((await browser.fetch(page, asScript({ method: 'POST', body: 'not for the gateway' }))).status, 401)

  const ended = await login(browser, way, alice)
  t.match([ended.url, await ended.text()], [page, 'for users'])
  t.equal(await (await browser.fetch(page, asScript())).text(), 'for users')
  t.equal((await browser.fetch(`${origin}/logout`, asScript({ method: 'POST', headers: { origin } }))).status, 204)
  t.equal(await navigate(), way)
})

t.test('through nginx four cookies of a session come and go, bytes stay, and bodies stream both ways', async t => {
  const seen: { url: string | undefined, host: string | undefined }[] = []
  const { origin: tenant } = await serveHttp(t, (incoming, answer) => {
    seen.push({ url: incoming.url, host: incoming.headers.host })
    answer.writeHead(200)
    incoming.pipe(answer)
  })
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const half = 12 * 3_600_000
  const gateway = await startBefore(t, tenant, { settings: { PUBLIC_URL: origin } })
  await startSite(t, port, gateway.origin)
  const session = freshSession()
  const large = { ...session, usedAt: session.usedAt - half, tokens: { ...session.tokens, accessToken: 'a'.repeat(8_000), refreshToken: 'r'.repeat(2_300) } }
  const cookie = await cookieOf(large)
  t.equal(cookie.split('; ').length, 4)

  const sending = request(`${origin}/api/v1/a%2Fb;c/x`, { method: 'PUT', headers: { cookie, origin }, maxHeaderSize: 65_536 })
  sending.write('first')
  const [answer] = await once(sending, 'response') as [IncomingMessage]
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['set-cookie']?.length, 4, 'the session was used, and is written anew')
  t.equal(String((await once(answer, 'data'))[0]), 'first', 'comes back before the rest is sent')
  sending.end('rest')
  t.equal(await text(Readable.from(answer)), 'rest')
  t.same(seen, [{ url: '/api/v1/a%2Fb;c/x', host: new URL(tenant).host }])
})
