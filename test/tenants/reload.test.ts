import fastify from 'fastify'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { WebSocket } from 'ws'
import { stringify } from 'yaml'
import { ConfigError, createTenants, gateway } from '../../src/gateway.js'
import type { TenantOptions } from '../../src/settings/tenant-options.js'
import { builtCommand } from '../helpers/command.js'
import { accept, hello } from '../helpers/engine-sockets.js'
import { until } from '../helpers/log.js'
import { startPlainTenant } from '../helpers/plain-tenant.js'
import { reservePort } from '../helpers/ports.js'
import { noteOutputOf } from '../helpers/run-record.js'
import { serveHttp } from '../helpers/servers.js'
import { sessionKey } from '../helpers/session-cookie.js'
import { cookieFor, entryFor, startSeveral } from '../helpers/several-tenants.js'

t.test('tenants come, change and go with the file, and a file with a fault changes nothing', async t => {
  const plain = await startPlainTenant(t)
  const at = (name: string, port: number) => `http://${name}.localhost:${port}`
  const running = await startSeveral(t, port => [entryFor('one', at('one', port), plain), entryFor('two', at('two', port), plain)])
  const { port } = running
  const [one, two, three] = ['one', 'two', 'three'].map(name => entryFor(name, at(name, port), plain)) as [
    ReturnType<typeof entryFor>,
    ReturnType<typeof entryFor>,
    ReturnType<typeof entryFor>
  ]
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

  await running.write({ tenants: [{ ...one, engineMode: 'view', sessionIdleSeconds: 3_600 }, three] })
  await until(() => told('some of them take effect at the next start').length === 1)
  t.match(told('some of them take effect at the next start'), [{ tenant: 'one', waiting: ['sessionIdleSeconds'] }])

  await running.write({ tenants: [{ ...one, engineMode: 'none' }, { ...two, publicUrl: 'two' }] })
  await until(() => told('the file of settings is refused: those before it stay').length === 1)
  t.match(told('the file of settings is refused: those before it stay'), [
    { faults: [/^tenants\[0\]\.engineMode /, /^tenants\[1\]\.publicUrl /] }
  ])
  t.same([await items('one'), await items('two')], [200, 421])

  await running.write({ tenants: [{ ...one, clientId: 'another' }, two] })
  await until(() => told('a tenant has gone: its sessions are over').length === 2)
  t.same([await items('one'), await items('two')], [401, 200], 'tokens belong to a client')
})

t.test('a tenant that goes takes its sockets and event streams with it, and those of the others stay', async t => {
  const { origin, server } = await serveHttp(t, (_request, response) => { response.end() })
  const atTenant: Socket[] = []
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    atTenant.push(socket)
    accept(socket, request, hello)
  })
  const at = (name: string, port: number) => `http://${name}.localhost:${port}`
  const running = await startSeveral(t, port => [
    entryFor('one', at('one', port), { origin }),
    entryFor('two', at('two', port), { origin })
  ])
  const [one, two] = ['one', 'two'].map(name => entryFor(name, at(name, running.port), { origin })) as [
    ReturnType<typeof entryFor>,
    ReturnType<typeof entryFor>
  ]
  const open = async (entry: typeof one) => {
    const url = String(entry.publicUrl)
    const headers = { host: new URL(url).host, origin: url, cookie: await cookieFor(entry) }
    const socket = new WebSocket(`ws://127.0.0.1:${running.port}/app/x`, { headers })
    await once(socket, 'message')
    return socket
  }
  const [staying, going] = [await open(one), await open(two)]
  const events = running.get(`${String(two.publicUrl)}/gateway/events`, { cookie: await cookieFor(two) })

  const closed = once(going, 'close') as Promise<[number]>
  await running.write({ tenants: [one] })
  t.equal((await closed)[0], 4006)
  t.match(await events, { status: 200, body: /event: signed-out/ })
  const heard = once(staying, 'message') as Promise<[Buffer]>
  atTenant[0]?.write(hello)
  t.equal(String((await heard)[0]), 'hello', 'the socket of the other tenant goes on')
  const gone = { audit: 1, tenant: 'two', event: 'session-ended', reason: 'tenant-gone', session: /^[\w-]{12}$/ }
  t.match(running.log.filter(({ msg }) => msg === 'audit'), [gone, gone], 'told of each session that had something open')
  staying.terminate()
})

t.test('a program adds and removes tenants at any time, and what has a fault is refused whole', async t => {
  const plain = await startPlainTenant(t)
  const entry = (name: string, host = name) => entryFor(name, `http://${host}.localhost`, plain)
  const tenants = createTenants([])
  await tenants.add(entry('one'))
  const app = fastify()
  t.teardown(async () => { await app.close() })
  await app.register(gateway, { sessionKeys: sessionKey, tenants })
  const login = async (host: string) => (await app.inject({ url: '/login', headers: { host: `${host}.localhost` } })).statusCode
  await tenants.add(entry('two'))
  t.same([await login('one'), await login('two')], [302, 302])
  await t.rejects(
    tenants.add(entry('two', 'three')),
    new ConfigError(['tenants[2].name is that of tenants[1] too: give each a name of its own'])
  )
  t.same([await login('two'), await login('three')], [302, 404], 'what is for no tenant is for the application')
  await tenants.remove('one')
  t.same([await login('one'), await login('two')], [404, 302])
})

t.test('the command reads its file at once on SIGHUP, tells what changed, and refuses a file with a fault', async t => {
  const plain = await startPlainTenant(t)
  const port = await reservePort()
  const entry = (name: string) => entryFor(name, `http://${name}.localhost:${port}`, plain)
  const file = join(t.testdir({}), 'gateway.yaml')
  const write = (...tenants: TenantOptions[]) => { writeFileSync(file, stringify({ port, sessionKeys: sessionKey, tenants })) }
  write(entry('one'))
  const [command, ...words] = builtCommand
  const child = spawn(command, words, {
    env: { ...process.env, NODE_ENV: '', CONFIG_FILE: file },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => { child.kill('SIGKILL') })
  noteOutputOf(child)
  const exited = once(child, 'exit')
  const lines: Record<string, unknown>[] = []
  createInterface({ input: child.stdout }).on('line', line => { lines.push(JSON.parse(line) as Record<string, unknown>) })
  const told = async (message: string) => {
    await until(() => lines.some(({ msg }) => msg === message))
    return lines.find(({ msg }) => msg === message)
  }
  t.match(await told('ready'), { tenants: ['one'] })

  write(entry('one'), entry('two'))
  child.kill('SIGHUP')
  t.match(await told('a tenant has come'), { tenant: 'two' })
  write({ ...entry('one'), engineMode: 'none' as 'view' }, entry('two'))
  child.kill('SIGHUP')
  t.match(await told('the file of settings is refused: those before it stay'), { level: 50, file, faults: [/^tenants\[0\]\.engineMode /] })
  write({ ...entry('one'), readOnly: true })
  child.kill('SIGHUP')
  t.match(await told('a tenant has gone: its sessions are over'), { tenant: 'two' })
  t.match(await told('the settings of a tenant have changed'), { tenant: 'one', changed: ['readOnly'], sessions: 'kept' })
  child.kill('SIGTERM')
  t.same(await exited, [0, null])
})
