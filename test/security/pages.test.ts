import t from 'tap'
import { startGateway } from '../helpers/gateway.js'
import { sendRaw } from '../helpers/raw.js'

const nowhere = { origin: 'https://tenant.example', client: { id: 'client', secret: 'secret' } }

t.test('pages of the gateway\'s own run no inline script, are of the type they say, frame nowhere foreign and tell no address', async t => {
  const { app } = await startGateway(t, { tenant: nowhere })
  const people = { accept: 'text/html' }
  const fixed = ['/login/callback?code=x&state=x', '/nothing-here']
  for (const url of fixed) {
    const { headers, body } = await app.inject({ url, headers: people })
    t.match(headers['content-type'], 'text/html', url)
    t.match(headers['content-security-policy'], /^default-src 'none';.*frame-ancestors 'none'; base-uri 'none'$/, url)
    t.match(headers, { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' }, url)
    t.notMatch(body, /<script/, url)
  }
  const foreign = await app.inject({ url: '/logout', headers: { ...people, 'sec-fetch-site': 'cross-site' } })
  t.match(foreign.headers['content-security-policy'], /^default-src 'none'/)
  for (const url of ['/', '/scripts/main.js', '/styles/base.css']) {
    const { statusCode, headers } = await app.inject({ url, headers: people })
    t.equal(statusCode, 200, url)
    t.match(
      headers['content-security-policy'],
      /^script-src 'self' https:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'$/,
      url
    )
    t.match(headers, { 'x-content-type-options': 'nosniff', 'referrer-policy': 'same-origin' }, url)
  }
})

t.test('what is personal is never stored by a cache', async t => {
  const { app } = await startGateway(t, { tenant: nowhere })
  for (const url of [
    '/login', '/login/callback', '/logout', '/gateway/session', '/api/v1/csrf-token', '/api/v1/items', '/gateway/events'
  ]) {
    for (const accept of ['text/html', 'application/json']) {
      const { headers } = await app.inject({ url, headers: { accept } })
      t.equal(headers['cache-control'], 'no-store', `${url} as ${accept}`)
    }
  }
})

t.test('over https every answer asks browsers to stay with https, over http none does', async t => {
  const { app, origin } = await startGateway(t, { tenant: nowhere, settings: { PUBLIC_URL: 'https://app.example.com' } })
  for (const url of ['/', '/login', '/gateway/session', '/nothing-here', '/healthz', '/api/v1/items']) {
    t.equal((await app.inject(url)).headers['strict-transport-security'], 'max-age=31536000', url)
  }
  t.match(
    (await sendRaw(t, origin, 'GET /api//x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).head,
    /^strict-transport-security: max-age=31536000$/im
  )
  const { app: plain } = await startGateway(t, { tenant: nowhere })
  t.equal((await plain.inject('/login')).headers['strict-transport-security'], undefined)
})
