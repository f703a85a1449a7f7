import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { CommandError } from '../../src/commands/command.js'
import { runKeysCommand } from '../../src/commands/keys.js'
import { createKeys, followKeysFile } from '../../src/session/keys.js'
import { createSignals } from '../../src/signals.js'
import { startGateway } from '../helpers/gateway.js'
import { createLog, until } from '../helpers/log.js'
import { startPlainTenant } from '../helpers/plain-tenant.js'
import { cookieOf, freshSession, sessionKey } from '../helpers/session-cookie.js'

const newKey = () => randomBytes(32)
const text = (...keys: Buffer[]) => `${keys.map(key => key.toString('base64')).join('\n')}\n`

t.test('keys are replaced at once for everything that they are used for, also where a link above the file is swapped', async t => {
  const folder = t.testdir({})
  const [old, young] = [newKey(), newKey()]
  for (const [name, content] of [['one', text(old)], ['two', text(young, old)]] as const) {
    mkdirSync(`${folder}/${name}`)
    writeFileSync(`${folder}/${name}/keys`, content)
  }
  symlinkSync('one', `${folder}/data`)
  symlinkSync('data/keys', `${folder}/keys`)
  const keys = createKeys([old], 'a tenant')
  const { log, lines } = createLog()
  let reads = 0
  const counted = (given: readonly Buffer[]) => { keys.replace(given); reads++ }
  const stop = followKeysFile({ file: `${folder}/keys`, keys: { replace: counted }, log, signals: createSignals(), intervalMs: 20 })
  t.teardown(stop)
  const before = keys.seal.seal('session', { id: 'x' })
  const [csrfBefore] = keys.csrfKeys()
  await until(() => reads === 1)
  t.same(lines, [], 'the file of the start is no news')
  symlinkSync('two', `${folder}/next`)
  renameSync(`${folder}/next`, `${folder}/data`)
  await until(() => lines.length === 1)
  t.match(lines, [{ level: 'info', msg: 'the session keys were replaced', keys: 2 }])
  t.same(keys.seal.open('session', before), { value: { id: 'x' }, stale: true })
  t.same(keys.csrfKeys()[1], csrfBefore)
  t.equal(keys.csrfKeys().length, 2)
})

t.test('a gateway that runs takes rotated keys over, and seals the sessions of older ones anew', async t => {
  const file = `${t.testdir({ keys: sessionKey })}/keys`
  const tenant = await startPlainTenant(t)
  const { origin } = await startGateway(t, { tenant, settings: { SESSION_KEYS: '', SESSION_KEYS_FILE: file } })
  const headers = { cookie: await cookieOf(freshSession(), tenant) }
  const ask = async () => (await fetch(`${origin}/api/v1/csrf-token`, { headers })).headers.getSetCookie()
  t.same(await ask(), [])
  runKeysCommand(['rotate', file])
  await until(async () => (await ask()).length === 1)
  runKeysCommand(['rotate', file, '1'])
  await until(async () => (await fetch(`${origin}/api/v1/csrf-token`, { headers })).status === 401)
  t.pass()
})

t.test('a bad file is refused once, and the old keys stay', async t => {
  const old = newKey()
  const folder = t.testdir({ keys: text(old) })
  const keys = createKeys([old], 'a tenant')
  const { log, lines } = createLog()
  const signals = createSignals()
  const intervalMs = 20
  let reads = 0
  const counted = (given: readonly Buffer[]) => { keys.replace(given); reads++ }
  t.teardown(followKeysFile({ file: `${folder}/keys`, keys: { replace: counted }, log, signals, intervalMs }))
  const sealed = keys.seal.seal('session', { id: 'x' })
  await until(() => reads === 1)
  for (const [count, spoil] of [() => { writeFileSync(`${folder}/keys`, 'c2hvcnQ=') }, () => { rmSync(`${folder}/keys`) }].entries()) {
    spoil()
    await until(() => lines.length === count + 1)
    // Timers of the same length fire in the order of their starts, so the file was read again meanwhile.
    for (let reads = 0; reads < 3; reads++) await wait(intervalMs)
    t.equal(lines.length, count + 1)
    t.match(lines[count], { level: 'error', msg: /the keys before it stay in use/ })
    t.notMatch(JSON.stringify(lines), 'c2hvcnQ')
    t.same(keys.seal.open('session', sealed), { value: { id: 'x' }, stale: false })
  }
  writeFileSync(`${folder}/keys`, text(newKey()))
  await until(() => lines.length === 3)
  t.equal(keys.seal.open('session', sealed), undefined, 'a removed key opens nothing')
})

t.test('keys that cannot be taken over are an error in the log', async t => {
  const folder = t.testdir({ keys: text(newKey()) })
  const { log, lines } = createLog()
  t.teardown(
    followKeysFile({
      file: `${folder}/keys`,
      keys: {
        replace: () => { throw new Error('boom') }
      },
      log,
      signals: createSignals(),
      intervalMs: 20
    })
  )
  await until(() => lines.length === 1)
  t.match(lines, [{ level: 'error', failure: 'boom' }])
})

t.test('the command writes keys: a new one first, as many kept as told, for nobody else to read, never half', async t => {
  const file = `${t.testdir({})}/keys`
  t.match(runKeysCommand(['generate']), /^[\w+/]{43}=$/)
  runKeysCommand(['generate', file])
  t.equal(statSync(file).mode & 0o777, 0o600)
  const read = () => readFileSync(file, 'utf8').trim().split('\n')
  const [first] = read()
  t.match(runKeysCommand(['rotate', file]), /holds 2 keys/)
  t.equal(read()[1], first)
  runKeysCommand(['rotate', file])
  runKeysCommand(['rotate', file])
  t.equal(read().length, 3)
  t.notOk(read().includes(first as string))
  t.match(runKeysCommand(['rotate', file, '1']), /holds 1 key;/)
  t.equal(statSync(file).mode & 0o777, 0o600)
})

t.test('the command says what it cannot do, and changes nothing then', async t => {
  const long = 'x'.repeat(250)
  const folder = t.testdir({ bad: 'nonsense', keys: text(newKey()), [long]: text(newKey()) })
  const cases: [words: string[], message: RegExp][] = [
    [[], /^Use: keys generate/],
    [['rotate'], /^Use: /],
    [['rotate', `${folder}/keys`, '0'], /^Use: /],
    [['generate', `${folder}/keys`], /is there already: use keys rotate/],
    [['generate', `${folder}/none/keys`], /cannot be written \(ENOENT\)/],
    [['rotate', `${folder}/${long}`], /cannot be written \(ENAMETOOLONG\)/],
    [['rotate', `${folder}/none`], /cannot be read \(ENOENT\): create it by keys generate/],
    [['rotate', `${folder}/bad`], /bad holds .*nothing was changed/]
  ]
  for (const [words, message] of cases) t.throws(() => runKeysCommand(words), { name: CommandError.name, message })
  t.equal(readFileSync(`${folder}/bad`, 'utf8'), 'nonsense')
})
