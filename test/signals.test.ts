import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { writeLog } from '../src/operate/log.js'
import { createSignals, tenantSignals } from '../src/signals.js'
import { startGateway } from './helpers/gateway.js'
import { createLog } from './helpers/log.js'
import { startPlainTenant } from './helpers/plain-tenant.js'

t.test('a listener that throws, at once or later, is told of and keeps nobody else from hearing', async t => {
  const signals = createSignals()
  const { log, lines } = createLog()
  writeLog(signals, { sample: 1, users: false, log })
  const heard: string[] = []
  signals.on('redisFailed', () => { throw new Error('planted') })
  signals.on('redisFailed', async () => { throw new Error('planted later') })
  // oxlint-disable-next-line typescript/only-throw-error -- anything may be thrown
  signals.on('redisFailed', () => { throw 'a word' })
  signals.once('redisFailed', () => { heard.push('last') })
  signals.on('listenerFailed', () => { throw new Error('and so does this one') })
  t.equal(signals.emit('redisFailed'), true)
  await turn()
  t.same(heard, ['last'])
  t.match(lines, [
    { level: 'error', msg: 'a listener of a signal failed', signal: 'redisFailed', failure: 'planted', stack: /signals\.test/ },
    { failure: 'a word', stack: undefined },
    { failure: 'planted later' }
  ])
  t.equal(createSignals().emit('redisFailed'), false)
})

t.test('what a tenant of several tells reaches the listeners of the gateway with its name, and its own listeners are the gateway\'s', t => {
  const signals = createSignals()
  const own = tenantSignals(signals, 'acme')
  const heard: unknown[][] = []
  const hear = (...told: unknown[]) => { heard.push(told) }
  signals.on('login', hear)
  own.on('reload', hear)
  own.emit('login', 'started')
  signals.emit('reload')
  own.off('reload', hear)
  signals.emit('reload')
  t.same(heard, [['started', 'acme'], []])
  t.equal(tenantSignals(signals, undefined), signals)
  t.end()
})

t.test('a request ends well whatever its listeners raise', async t => {
  const tenant = await startPlainTenant(t, (_request, response) => { response.end('well') })
  const { origin, cookie, signals } = await startGateway(t, { tenant })
  for (const signal of ['received', 'tenantAsked', 'tenantAnswered', 'answered'] as const) {
    signals.on(signal, () => { throw new Error('planted') })
  }
  const over = once(signals, 'answered')
  t.equal(await (await fetch(`${origin}/api/x`, { headers: { cookie } })).text(), 'well')
  await over
})
