import { json } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { readConfig } from '../../src/settings/config.js'
import { createMetrics } from '../../src/operate/metrics.js'
import type { Denial } from '../../src/signals.js'
import { settingsFor } from '../helpers/gateway.js'
import { outcome } from '../helpers/engine-sockets.js'
import { tenantAt } from '../helpers/session-cookie.js'
import { startBeforeUpstream } from '../helpers/upstream.js'

const startPolicy = async (t: Test, settings: NodeJS.ProcessEnv) => {
  const gateway = await startBeforeUpstream(t, (_request, response) => { response.end('{}') }, { settings })
  const denials: Denial[] = []
  gateway.signals.on('denied', denial => { denials.push(denial) })
  const codeOf = async (path: string, options?: Parameters<typeof gateway.ask>[1]) => {
    const answer = await gateway.ask(path, options)
    if (answer.statusCode === 200) {
      answer.resume()
      return 'served'
    }
    return (await json(answer) as { errors: { code: string }[] }).errors[0]?.code
  }
  return { ...gateway, denials, codeOf }
}

t.test('a read-only gateway forwards what reads and refuses all else, its own routes aside', async t => {
  const { codeOf, received, ask } = await startPolicy(t, { READ_ONLY: 'true' })
  for (const method of ['GET', 'HEAD', 'OPTIONS']) t.equal((await ask('/api/v1/items', { method })).statusCode, 200, method)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) t.equal(await codeOf('/api/v1/items', { method }), 'GW-POLICY-READ-ONLY', method)
  t.equal(received.length, 3)
  t.equal((await ask('/logout', { method: 'POST' })).statusCode, 204)
})

t.test('no header makes another method of the one that was judged', async t => {
  const { ask, received } = await startPolicy(t, { READ_ONLY: 'true' })
  await ask('/api/v1/items', { headers: { 'x-http-method-override': 'DELETE', 'x-http-method': 'DELETE', x_method_override: 'DELETE' } })
  t.match(received[0]?.headers, { 'x-http-method-override': undefined, 'x-http-method': undefined, x_method_override: undefined })
})

t.test('apps that are not listed are refused, over HTTP and as sockets, before the tenant hears of them', async t => {
  const { codeOf, received, origin, cookie } = await startPolicy(t, { ALLOWED_APPS: 'sales, stock' })
  t.equal(await codeOf('/api/v1/apps/stock'), 'served')
  t.equal(await codeOf('/api/v1/apps/staff'), 'GW-POLICY-APP')
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/app/staff`, { headers: { cookie, origin } })
  t.match(await outcome(socket), { status: 403, body: /GW-POLICY-APP/ })
  t.equal(received.length, 1)
})

t.test('a denial is counted by its rule, and has a line in the log with the session and the path', async t => {
  const { codeOf, signals, denials } = await startPolicy(t, { ALLOWED_APPS: 'sales' })
  const metrics = createMetrics(signals)
  await codeOf('/api/v1/apps/staff?secret=1')
  t.match(await metrics.text(), /qlik_gateway_policy_denials_total\{rule="ALLOWED_APPS"\} 1/)
  t.match(denials, [{ rule: 'ALLOWED_APPS', method: 'GET', path: '/api/v1/apps/staff', sessionId: /.+/ }])
})

t.test('a list of apps that names none, or something that is no id, is a fault', async t => {
  for (const value of [',', 'sales/stock', '*']) {
    t.throws(
      () => readConfig(settingsFor(tenantAt('https://tenant.example'), 3000, { ALLOWED_APPS: value })),
      /ALLOWED_APPS (?:names no app|holds something)/,
      value
    )
  }
})

t.test('calls that are not listed are refused, and an empty list or a bad entry is a fault', async t => {
  const { codeOf } = await startPolicy(t, { ALLOWED_API: 'GET /api/v1/items,\n embed' })
  t.same([await codeOf('/api/v1/items'), await codeOf('/api/v1/api-keys'), await codeOf('/single/')], ['served', 'GW-POLICY-API', 'served'])
  for (const [name, value, fault] of [
    ['ALLOWED_API', 'items', 'no entry'],
    ['ALLOWED_API', ',', 'no call'],
    ['ALLOWED_USERS', ',', 'nobody'],
    ['ALLOWED_GROUPS', ',', 'no group']
  ] as const) {
    t.throws(
      () => readConfig(settingsFor(tenantAt('https://tenant.example'), 3000, { [name]: value })),
      new RegExp(`${name} .*${fault}`),
      name
    )
  }
})
