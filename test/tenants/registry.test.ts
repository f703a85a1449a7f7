import t from 'tap'
import { startPlainTenant } from '../helpers/plain-tenant.js'
import { cookieFor, entryFor, startSeveral } from '../helpers/several-tenants.js'

t.test('a request is for the tenant whose public URL it asks for, by host and path', async t => {
  const one = await startPlainTenant(t, (_request, response) => { response.end('one') })
  const two = await startPlainTenant(t, (_request, response) => { response.end('two') })
  const three = await startPlainTenant(t, (_request, response) => { response.end('three') })
  const gateway = await startSeveral(t, () => [
    entryFor('one', 'https://one.example.com', one),
    entryFor('two', 'https://app.example.com/two', two),
    entryFor('three', 'https://app.example.com/group/three', three)
  ])
  const cases: [url: string, host: string | undefined, status: number, body: string][] = [
    ['https://one.example.com/assets/x', undefined, 200, 'one'],
    ['https://one.example.com/assets/x', 'ONE.example.com:443', 200, 'one'],
    ['https://app.example.com/two/assets/x', undefined, 200, 'two'],
    ['https://app.example.com/group/three/assets/x', undefined, 200, 'three'],
    ['https://app.example.com/two/three/assets/x', undefined, 404, 'GW-NOT-FOUND'],
    ['https://app.example.com/assets/x', undefined, 404, 'GW-NOT-FOUND'],
    ['https://app.example.com/twofold/assets/x', undefined, 404, 'GW-NOT-FOUND'],
    ['https://one.example.com/two/assets/x', undefined, 404, 'GW-NOT-FOUND'],
    ['https://other.example.com/assets/x', undefined, 421, 'GW-UNKNOWN-HOST'],
    ['https://one.example.com/assets/x', 'one.example.com:8443', 421, 'GW-UNKNOWN-HOST'],
    ['https://one.example.com/assets/x', 'one.example.com.evil.example', 421, 'GW-UNKNOWN-HOST']
  ]
  for (const [url, host, status, body] of cases) {
    const answer = await gateway.get(url, host === undefined ? {} : { host })
    t.match([answer.status, answer.body], [status, new RegExp(body)], `${url} ${host}`)
  }
  t.match(await gateway.get('https://one.example.com/healthz'), { status: 200 })
  t.match(await gateway.get('https://10.0.0.7/healthz'), { status: 200 }, 'probes come by any host')
  t.match(await gateway.get('https://10.0.0.7/readyz'), { status: 200 })
  t.match(await gateway.get('https://app.example.com/two', {}), { status: 308, headers: { location: 'https://app.example.com/two/' } })
  t.match(await gateway.get('https://app.example.com/two/', {}), { status: 200, headers: { 'strict-transport-security': /max-age/ } })
})

t.test('each tenant signs in with its own client, and by path its cookies carry its name', async t => {
  const one = await startPlainTenant(t)
  const two = await startPlainTenant(t)
  const gateway = await startSeveral(t, () => [
    entryFor('one', 'https://app.example.com', { ...one, client: { id: 'first', secret: 'a' } }),
    entryFor('two', 'https://app.example.com/two', { ...two, client: { id: 'second', secret: 'b' } })
  ])
  const [first, second] = [await gateway.get('https://app.example.com/login'), await gateway.get('https://app.example.com/two/login')]
  const asked = [first, second].map(({ headers }) => new URL(String(headers.location)))
  t.same(asked.map(({ origin, searchParams }) => [origin, searchParams.get('client_id'), searchParams.get('redirect_uri')]), [
    [one.origin, 'first', 'https://app.example.com/login/callback'], [two.origin, 'second', 'https://app.example.com/two/login/callback']
  ])
  t.match([first, second].map(({ headers }) => String(headers['set-cookie'])), [/^__Host-qlik-login-/, /^__Host-qlik-two-login-/])
})

t.test('a session of one tenant is none at another, under the same client and keys too', async t => {
  const plain = await startPlainTenant(t)
  const one = entryFor('one', 'http://one.localhost', plain)
  const two = entryFor('two', 'http://two.localhost', plain)
  const gateway = await startSeveral(t, port => [
    { ...one, publicUrl: `http://one.localhost:${port}` },
    { ...two, publicUrl: `http://two.localhost:${port}` }
  ])
  const cookie = await cookieFor(one)
  t.match(await gateway.get(`http://one.localhost:${gateway.port}/api/v1/items`, { cookie }), { status: 200 })
  t.match(await gateway.get(`http://two.localhost:${gateway.port}/api/v1/items`, { cookie }), { status: 401 })
})
