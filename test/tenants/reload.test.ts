import fastify from 'fastify'
import t from 'tap'
import { ConfigError, createTenants, gateway } from '../../src/gateway.js'
import { until } from '../helpers/log.js'
import { startPlainTenant } from '../helpers/plain-tenant.js'
import { sessionKey } from '../helpers/session-cookie.js'
import { cookieFor, entryFor, startSeveral } from '../helpers/several-tenants.js'

t.test('tenants come, change and go with the file, and a file with a fault changes nothing', async t => {
  const plain = await startPlainTenant(t)
  const at = (name: string, port: number) => `http://${name}.localhost:${port}`
  const running = await startSeveral(t, port => [entryFor('one', at('one', port), plain), entryFor('two', at('two', port), plain)])
  const { port } = running
  const [one, two, three] = ['one', 'two', 'three'].map(name => entryFor(name, at(name, port), plain)) as [ReturnType<typeof entryFor>, ReturnType<typeof entryFor>, ReturnType<typeof entryFor>]
  const cookies = { one: await cookieFor(one), two: await cookieFor(two) }
  const items = async (name: 'one' | 'two') => (await running.get(`${at(name, port)}/api/v1/items`, { cookie: cookies[name] })).status
  const told = (message: string) => running.log.filter(line => line.msg === message)
  t.same([await items('one'), await items('two')], [200, 200])

  await running.write({ tenants: [{ ...one, engineMode: 'view' }, three] })
  await until(() => told('a tenant has gone: its sessions are over').length === 1)
  t.same([await items('one'), await items('two')], [200, 421], 'what stays keeps its sessions')
  t.match(told('the settings of a tenant have changed'), [{ tenant: 'one', changed: ['engineMode'], sessions: 'kept' }])
  t.match(told('a tenant has come'), [{ tenant: 'three' }])
  t.match(await running.get(`${at('three', port)}/login`), { status: 302 })

  await running.write({ tenants: [{ ...one, engineMode: 'none' }, { ...two, publicUrl: 'two' }] })
  await until(() => told('the file of settings is refused: those before it stay').length === 1)
  t.match(told('the file of settings is refused: those before it stay'), [{ faults: [/^tenants\[0\]\.engineMode /, /^tenants\[1\]\.publicUrl /] }])
  t.same([await items('one'), await items('two')], [200, 421])

  await running.write({ tenants: [{ ...one, clientId: 'another' }, two] })
  await until(() => told('a tenant has gone: its sessions are over').length === 2)
  t.same([await items('one'), await items('two')], [401, 200], 'tokens belong to a client')
})

t.test('a program adds and removes tenants, and what has a fault is refused whole', async t => {
  const plain = await startPlainTenant(t)
  const entry = (name: string, host = name) => entryFor(name, `http://${host}.localhost`, plain)
  const tenants = createTenants([entry('one')])
  const app = fastify()
  t.teardown(async () => { await app.close() })
  await app.register(gateway, { sessionKeys: sessionKey, tenants })
  const login = async (host: string) => (await app.inject({ url: '/login', headers: { host: `${host}.localhost` } })).statusCode
  await tenants.add(entry('two'))
  t.same([await login('one'), await login('two')], [302, 302])
  await t.rejects(tenants.add(entry('two', 'three')), new ConfigError(['tenants[2].name is that of tenants[1] too: give each a name of its own']))
  t.same([await login('two'), await login('three')], [302, 404], 'what is for no tenant is for the application')
  await tenants.remove('one')
  t.same([await login('one'), await login('two')], [404, 302])
})
