import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { login } from '../helpers/browser-jar.js'
import { asScript } from '../helpers/gateway.js'
import { startSite } from '../helpers/nginx.js'
import { startSignIn, streamThrough, useThrough } from '../helpers/proxied.js'

t.test('behind nginx a user signs in, reads, writes, opens a socket and hears of the sign-out, by one origin', async t => {
  await useThrough(t, startSite)
})

t.test('nginx asks the gateway whether somebody is signed in, and sends people to the login and scripts away', async t => {
  const { origin, browser } = await startSignIn(t, startSite)
  const page = `${origin}/signed-in/page.html?part=1`
  const navigate = async () => {
    const [answer] = await once(
      request(page, { headers: { 'sec-fetch-mode': 'navigate', cookie: browser.cookies.header(new URL(page)) } }).end(),
      'response'
    ) as [IncomingMessage]
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

t.test('through nginx four cookies of a session come and go, bytes stay, and bodies stream', async t => {
  await streamThrough(t, startSite)
})
