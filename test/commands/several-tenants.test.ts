import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse, stringify } from 'yaml'
import { alice } from '../../sandbox/identities.js'
import { startTenant, type Tenant } from '../../sandbox/tenant.js'
import type { Command } from '../../src/commands/command.js'
import { doctorCommand } from '../../src/commands/doctor/doctor.js'
import { setupCommand } from '../../src/commands/setup/setup.js'
import { createBrowser, login } from '../helpers/browser-jar.js'
import { makeFolder } from '../helpers/folder.js'
import { reservePort } from '../helpers/ports.js'
import { sessionKey } from '../helpers/session-cookie.js'
import { entryFor, startSeveral } from '../helpers/several-tenants.js'

interface Report { state: string, checks: { check: string, tenant?: string, state: string, text: string }[] }

/** Runs a command; what it printed, and its exit status or that of the error that ended it. */
async function run (command: Command, words: string[], env: NodeJS.ProcessEnv) {
  let out = ''
  let err = ''
  const io = { env, out: (text: string) => { out += text }, err: (text: string) => { err += text } }
  try {
    return { status: await command.run(words, io), out, err }
  } catch (error) {
    const { message, status } = error as Error & { status: number }
    return { status, out, err: err + message }
  }
}

/** A file of settings with this content. */
function writeSettings (t: Test, document: object): string {
  const file = join(makeFolder(t), 'gateway.yaml')
  writeFileSync(file, stringify(document))
  return file
}

t.test('doctor examines each tenant and names it, what is of the process once, and one tenant alone when it is asked to', async t => {
  const port = await reservePort()
  const home = `http://localhost:${port}`
  const tenant = await startTenant({ redirectUris: [`${home}/one/login/callback`] })
  t.teardown(async () => { await tenant.close() })
  const entries = [entryFor('one', `${home}/one`, tenant), entryFor('two', `${home}/two`, tenant)]
  await startSeveral(t, () => entries, { port })
  const env = { CONFIG_FILE: writeSettings(t, { port, sessionKeys: sessionKey, tenants: entries }) }

  const { status, out } = await run(doctorCommand, ['--json'], env)
  const { checks } = JSON.parse(out) as Report
  const of = (check: string) => checks.filter(line => line.check === check)
  t.equal(status, 1)
  t.match(of('redirect-uri'), [
    { tenant: 'one', state: 'ok' },
    { tenant: 'two', state: 'problem', text: /two\/login\/callback is not registered/ }
  ])
  t.match(of('public-url'), [{ tenant: 'one', state: 'ok' }, { tenant: 'two', state: 'ok' }], 'the keys are each tenant\'s own')
  t.match(of('settings'), [{ text: /^The publicUrl of one is / }, { text: /^The publicUrl of two is / }])
  t.match(of('redis'), [{ text: /^redisUrl is not set/ }], 'settings are named as in the file')
  for (const check of ['versions', 'certificate', 'redis']) t.match(of(check).map(({ tenant }) => tenant), [undefined], check)
  t.match(await run(doctorCommand, ['--offline'], env), { status: 0, out: /\nok +one: session-keys +.*\n[^]*\nok +two: session-keys / })

  const one = JSON.parse((await run(doctorCommand, ['--json', '--tenant', 'one'], env)).out) as Report
  t.same([...new Set(one.checks.map(line => line.tenant))], [undefined, 'one'])
  t.equal(one.checks.filter(line => line.check === 'redis').length, 1)
  t.match(await run(doctorCommand, ['--tenant', 'three'], env), { status: 2, err: 'There is no tenant "three". Tenants: one, two' })
  t.match(
    await run(doctorCommand, ['--tenant', 'one'], { QLIK_TENANT_URL: tenant.origin, QLIK_CLIENT_ID: 'id', QLIK_CLIENT_SECRET: 'secret' }),
    { status: 2, err: /CONFIG_FILE lists; it is not set/ }
  )
  const brief = { CONFIG_FILE: writeSettings(t, { sessionKeys: sessionKey, tenants: [{ ...entries[0], scopes: 'user_default' }] }) }
  t.match(await run(doctorCommand, ['--offline'], brief), { status: 0, out: /^warning +settings +one: scopes has no offline_access/m })
  const faulty = { CONFIG_FILE: writeSettings(t, { sessionKeys: sessionKey, tenants: [{ ...entries[0], engineMode: 'none' }] }) }
  t.match(await run(doctorCommand, ['--offline'], faulty), {
    status: 1,
    out: /^problem +settings +tenants\[0\]\.engineMode is not a mode/m
  })
})

const changes = ({ controls }: Tenant) =>
  controls.requests
    .filter(({ method, url }) => method !== 'GET' && url.startsWith('/api/'))
    .map(({ method, url }) => `${method} ${url.split('?')[0]}`)

t.test('setup registers the client of a tenant in the file, and prints the entry with which users sign in there', async t => {
  const tenant = await startTenant()
  t.teardown(async () => { await tenant.close() })
  const port = await reservePort()
  const callbackUrl = `http://localhost:${port}/login/callback`
  const CONFIG_FILE = writeSettings(t, {
    sessionKeys: sessionKey,
    scopes: ['user_default', 'offline_access'],
    callbackUrl,
    tenants: [{ name: 'acme', publicUrl: `http://localhost:${port}/acme`, tenantUrl: tenant.origin }]
  })
  const env = {
    CONFIG_FILE,
    QLIK_ADMIN_API_KEY: tenant.administrators.apiKey,
    QLIK_TENANT_URL: 'https://another.example',
    QLIK_CLIENT_SECRET: 'of-another'
  }
  const { status, out, err } = await run(setupCommand, ['--tenant', 'acme', '--name', 'Acme'], env)
  t.match([status, err], [0, /The OAuth client Acme is registered/])
  const [entry] = parse(out) as [ReturnType<typeof entryFor>]
  t.match(entry, {
    name: 'acme',
    tenantUrl: tenant.origin,
    publicUrl: `http://localhost:${port}/acme`,
    clientId: /^\w{32}$/,
    clientSecret: /^\w{64}$/
  })
  t.notHas(entry, { sessionKeys: String })
  await startSeveral(t, () => [{ ...entry, callbackUrl }], { port })
  const browser = createBrowser()
  t.match(await (await login(browser, `http://localhost:${port}/acme/login?returnto=%2Facme%2Fgateway%2Fsession`, alice)).json(), {
    authenticated: true
  })

  t.match(await run(setupCommand, ['--tenant', 'globex'], env), { status: 2, err: /There is no tenant "globex"/ })
  t.match(await run(setupCommand, ['--tenant', 'acme'], { ...env, CONFIG_FILE: '' }), { status: 2, err: /set CONFIG_FILE/ })
  t.match(await run(setupCommand, ['--tenant', 'acme'], { ...env, CONFIG_FILE: `${CONFIG_FILE}.none` }), {
    status: 1,
    err: /CONFIG_FILE cannot be read \(ENOENT\)/
  })
  t.match(await run(setupCommand, ['okta', '--tenant', 'globex'], env), { status: 2, err: /There is no tenant "globex"/ })
  t.match(
    await run(setupCommand, ['--tenant', 'acme'], { ...env, CONFIG_FILE: writeSettings(t, { tenants: 'acme' }) }),
    { status: 2, err: /There is no tenant "acme"/ },
    'what is no list has none'
  )
})

t.test('setup publishes a client to the tenants of its region, once, and makes it trusted at another', async t => {
  const owner = await startTenant()
  const clientId = owner.client.id
  const other = await startTenant({ consent: 'required' })
  t.teardown(async () => { await Promise.all([owner.close(), other.close()]) })
  const at = (tenant: Tenant, more: NodeJS.ProcessEnv = {}) => ({
    QLIK_TENANT_URL: tenant.origin,
    QLIK_CLIENT_ID: clientId,
    QLIK_ADMIN_API_KEY: tenant.administrators.apiKey,
    ...more
  })
  t.match(await run(setupCommand, ['publish', '--dry-run'], at(owner)), {
    status: 0,
    out: new RegExp(`^POST ${owner.origin}/api/v1/oauth-clients/${clientId}/actions/publish\n$`),
    err: ''
  })
  t.same(changes(owner), [])
  t.match(await run(setupCommand, ['publish'], at(owner)), { status: 0, err: /is published to the tenants of its region/ })
  t.match(await run(setupCommand, ['publish'], at(owner)), { status: 0, err: /is published since \d{4}-/ })
  t.same(changes(owner), [`POST /api/v1/oauth-clients/${clientId}/actions/publish`])
  t.match(await run(setupCommand, ['publish'], at(owner, { QLIK_CLIENT_ID: 'unknown' })), {
    status: 1,
    err: /has no OAuth client unknown: publish it where it is registered/
  })

  const CONFIG_FILE = writeSettings(t, {
    clientId,
    tenants: [{ name: 'other', publicUrl: 'https://other.example.com', tenantUrl: other.origin }]
  })
  t.match(await run(setupCommand, ['approve', '--tenant', 'other'], { CONFIG_FILE, QLIK_ADMIN_API_KEY: other.administrators.apiKey }), {
    status: 0,
    err: /is trusted at this tenant/
  })
  t.same(changes(other), [`PATCH /api/v1/oauth-clients/${clientId}/connection-configs/me`])
  t.match(await run(setupCommand, ['approve'], at(other, { QLIK_CLIENT_ID: '' })), { status: 2, err: /QLIK_CLIENT_ID is required/ })
})
