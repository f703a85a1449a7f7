import fastify from 'fastify'
import t from 'tap'
import { healthRoutes, watchHealth } from '../../src/operate/health.js'
import { createSignals } from '../../src/signals.js'

t.test('whether the tenant answers is learnt from calls that are made anyway, and takes nothing out of service', async t => {
  const signals = createSignals()
  const health = watchHealth(signals)
  const app = fastify()
  await app.register(healthRoutes, { health, detailed: true })
  const told = async () => {
    const answer = await app.inject({ url: '/readyz' })
    return [answer.statusCode, answer.json<{ tenant: string }>().tenant]
  }
  t.same(await told(), [200, 'not asked'])
  for (const [status, tenant] of [[200, 'answers'], [0, 'silent'], [500, 'answers']] as const) {
    signals.emit('tenantAnswered', { call: 'http' }, status, 1)
    t.same(await told(), [200, tenant], String(status))
  }
})

t.test('the admin listener, which opens first, is ready when the gateway listens', async t => {
  const app = fastify()
  let listening = false
  await app.register(healthRoutes, { health: watchHealth(createSignals()), isListening: () => listening })
  t.match(await app.inject({ url: '/readyz' }), { statusCode: 503, payload: '{"status":"starting"}' })
  listening = true
  t.match(await app.inject({ url: '/readyz' }), { statusCode: 200, payload: '{"status":"ok"}' })
})
