import t from 'tap'
import { startGateway } from '../helpers/gateway.js'
import { startPlainTenant } from '../helpers/plain-tenant.js'
import { cookieOf, freshSession } from '../helpers/session-cookie.js'

t.test('a session belongs to the tenant and the OAuth client that issued its tokens, under the same session keys too', async t => {
  const one = await startPlainTenant(t)
  const two = await startPlainTenant(t)
  const cookie = await cookieOf(freshSession(), one)
  const cases: [title: string, tenant: typeof one, clientId: string, status: number][] = [
    ['its own', one, one.client.id, 200],
    ['another tenant', two, two.client.id, 401],
    ['another client of the tenant', one, 'another', 401]
  ]
  for (const [title, tenant, id, status] of cases) {
    const { origin } = await startGateway(t, { tenant: { ...tenant, client: { ...tenant.client, id } } })
    const before = tenant.requests.length
    const answer = await fetch(`${origin}/api/v1/items`, { headers: { cookie } })
    const heard = tenant.requests.slice(before).filter(({ url }) => url === '/api/v1/items').length
    t.same([answer.status, heard, answer.headers.getSetCookie()], [status, status === 200 ? 1 : 0, []], title)
  }
})
