import fastify, { LogController } from 'fastify'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import t from 'tap'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { alice } from '../../sandbox/identities.js'
import { startTenant } from '../../sandbox/tenant.js'
import { gateway } from '../../src/gateway.js'
import { createBrowser, login } from '../helpers/browser-jar.js'
import { asScript, createClock } from '../helpers/gateway.js'
import { reservePort } from '../helpers/ports.js'
import { createSecretSearch } from '../helpers/secret-search.js'
import { sessionKey } from '../helpers/session-cookie.js'

t.test('no token, code, state, cookie or secret is in a log line at any level, whatever goes wrong', async t => {
  const port = await reservePort()
  const origin = `http://localhost:${port}`
  const clock = createClock()
  const tenant = await startTenant({ redirectUris: [`${origin}/login/callback`] })
  const lines: string[] = []
  let tell = () => {}
  const unrevoked = new Promise<void>(resolve => { tell = resolve })
  const stream = new Writable({
    write (line: Buffer, _encoding, done) {
      lines.push(line.toString())
      if (line.includes('could not be revoked')) tell()
      done()
    }
  })
  const app = fastify({ logger: { level: 'trace', stream }, logController: new LogController({ disableRequestLogging: true }) })
  t.teardown(async () => {
    await app.close()
    await tenant.close()
  })
  const { id: clientId, secret: clientSecret } = tenant.client
  const options = { tenantUrl: tenant.origin, clientId, clientSecret, publicUrl: origin, sessionKeys: sessionKey, now: clock.now }
  await app.register(gateway, options)
  await app.listen({ port, host: '127.0.0.1' })

  const secrets = new Set([tenant.client.secret, sessionKey])
  const browser = createBrowser()
  const ask = async (path: string, init = {}) => await (await browser.fetch(origin + path, asScript(init))).text()
  await login(browser, `${origin}/login?returnto=/healthz%3Fprivate=1`, alice)
  for (const { to } of browser.hops) for (const name of ['code', 'state']) secrets.add(new URL(to).searchParams.get(name) ?? 'none-here')
  secrets.add('private=1')
  const keep = () => {
    for (const cookie of browser.cookies.header(new URL(origin)).split('; ')) secrets.add(cookie.replace(/^[^=]*=/, ''))
  }
  keep()
  secrets.add((JSON.parse(await ask('/gateway/session')) as { csrfToken: string }).csrfToken)
  clock.aheadMs = 6 * 3_600_000
  await ask('/api/v1/items?accessToken=from-the-client')
  secrets.add('from-the-client')
  keep()
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/app/${SALES_APP_ID}`, {
    headers: { cookie: browser.cookies.header(new URL(origin)), origin }
  })
  await once(socket, 'message')
  socket.terminate()
  for (const fault of [{ path: '/api/', reset: true }, { path: '/api/', status: 500 }]) tenant.controls.addFault({ ...fault, times: 1 })
  tenant.controls.addFault({ path: '/oauth/revoke', status: 400 })
  await ask('/api/v1/spaces')
  await ask('/api/v1/spaces')
  await ask('/login/callback?code=stolen-code&state=stolen-state')
  for (const stolen of ['stolen-code', 'stolen-state']) secrets.add(stolen)
  await ask('/logout', { method: 'POST' })
  await unrevoked
  for (const { headers } of tenant.controls.requests) {
    secrets.add(String(headers.authorization ?? 'Bearer none-here').replace('Bearer ', ''))
  }

  const log = lines.join('')
  t.match(log, /"msg":"request"/)
  for (const secret of secrets) t.notOk(log.includes(secret), `${secret.slice(0, 6)}…`)
  t.ok(secrets.size > 10)
})

t.test('the search of the whole run finds a secret in any spelling, whole or cut, and tells its kind and line alone', async t => {
  const secret = 'kR7+/x9;fP2=qLm4 Zt8_vWc3%bN6yHs1dJ0uE5a'
  const search = createSecretSearch([['cookie', secret], ['state', 'a word']])
  const spellings = [
    secret, encodeURIComponent(secret), decodeURIComponent(encodeURIComponent(secret)), Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('base64url'),
    secret.slice(0, 16), secret.slice(-16), `"cookie":"qlik-session=${secret}; Path=/"`
  ]
  for (const spelling of spellings) t.same(search(`{"msg":"request"}\n${spelling}\n`), [{ kind: 'cookie', line: 2 }], spelling)
  t.same(search(`a word and ${secret.slice(1, 16)}`), [])
})
