import t from 'tap'
import { ConfigError } from '../../src/gateway.js'
import { until } from '../helpers/log.js'
import { startPlainTenant } from '../helpers/plain-tenant.js'
import { sessionKey } from '../helpers/session-cookie.js'
import { cookieFor, entryFor, startSeveral } from '../helpers/several-tenants.js'

t.test('tenants come, change and go with the file, and a file with a fault changes nothing', async t => {
  const plain = await startPlainTenant(t)
  const at = (name: string, port: number) => `http://${name}.localhost:${port}`
  const gateway = await startSeveral(t, port => [entryFor('one', at('one', port), plain), entryFor('two', at('two', port), plain)])
  const { port } = gateway
  const [one, two, three] = ['one', 'two', 'three'].map(name => entryFor(name, at(name, port), plain)) as [ReturnType<typeof entryFor>, ReturnType<typeof entryFor>, ReturnType<typeof entryFor>]
  const cookies = { one: await cookieFor(one), two: await cookieFor(two) }
  const items = async (name: 'one' | 'two') => (await gateway.get(`${at(name, port)}/api/v1/items`, { cookie: cookies[name] })).status
  const told = (message: string) => gateway.log.filter(line => line.msg === message)
  t.same([await items('one'), await items('two')], [200, 200])

  await gateway.write({ tenants: [{ ...one, engineMode: 'view' }, three] })
  await until(() => told('a tenant has gone: its sessions are over').length === 1)
  t.same([await items('one'), await items('two')], [200, 421], 'what stays keeps its sessions')
  t.match(told('the settings of a tenant have changed'), [{ tenant: 'one', changed: ['engineMode'], sessions: 'kept' }])
  t.match(told('a tenant has come'), [{ tenant: 'three' }])
  t.match(await gateway.get(`${at('three', port)}/login`), { status: 302 })

  await gateway.write({ tenants: [{ ...one, engineMode: 'none' }, { ...two, publicUrl: 'two' }] })
  await until(() => told('the file of settings is refused: those before it stay').length === 1)
  t.match(told('the file of settings is refused: those before it stay'), [{ faults: [/^tenants\[0\]\.engineMode /, /^tenants\[1\]\.publicUrl /] }])
  t.same([await items('one'), await items('two')], [200, 421])

  await gateway.write({ tenants: [{ ...one, clientId: 'another' }, two] })
  await until(() => told('a tenant has gone: its sessions are over').length === 2)
  t.same([await items('one'), await items('two')], [401, 200], 'tokens belong to a client')
})

t.test('a program adds and removes tenants, and what has a fault is refused whole', async t => {
  const plain = await startPlainTenant(t)
  const gateway = await startSeveral(t, () => [entryFor('one', 'http://one.localhost', plain, { sessionKeys: sessionKey })])
  const login = async (name: string) => (await gateway.get(`http://${name}.localhost/login`)).status
  await gateway.tenants.add(entryFor('two', 'http://two.localhost', plain, { sessionKeys: sessionKey }))
  t.same([await login('one'), await login('two')], [302, 302])
  await t.rejects(gateway.tenants.add(entryFor('two', 'http://three.localhost', plain, { sessionKeys: sessionKey })), new ConfigError(['tenants[2].name is that of tenants[1] too: give each a name of its own']))
  t.same([await login('two'), await login('three')], [302, 421])
  await gateway.tenants.remove('one')
  t.same([await login('one'), await login('two')], [421, 302])
})
