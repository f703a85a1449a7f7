import fastify from 'fastify'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse, stringify } from 'yaml'
import { checkGateway, ConfigError } from '../../src/settings/config.js'
import { readConfigFile, readSettings, type TenantsConfig } from '../../src/settings/config-file.js'
import { gatewaySchema, unwritable } from '../../src/settings/gateway-schema.js'
import { serverSchema } from '../../src/settings/server-schema.js'
import { bareNode } from '../helpers/bare-node.js'
import { makeFolder } from '../helpers/folder.js'
import { sessionKey } from '../helpers/session-cookie.js'

const tenant = (name: string, more: object = {}) => ({
  name,
  publicUrl: `https://${name}.example.com`,
  tenantUrl: 'https://tenant.example',
  clientId: 'id',
  clientSecret: 'secret',
  ...more
})

/** Reads a file with this content; the faults of one that is refused. */
async function read (t: Test, content: string | object, env: NodeJS.ProcessEnv = {}): Promise<TenantsConfig | string[]> {
  const file = join(makeFolder(t), 'gateway.yaml')
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  try {
    return await readConfigFile(env, file)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.faults
  }
}

const [documented = ''] = /```yaml\n(port:[^`]+)```/.exec(readFileSync('docs/tenants.md', 'utf8'))?.slice(1) ?? []

/** The JSON Schema as the build makes it. */
function readSchema (): object {
  const [command, ...words] = bareNode
  const { status, stderr } = spawnSync(command, [...words, 'scripts/config-schema.js'], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(readFileSync('dist/config-file.schema.json', 'utf8')) as object
}

/**
 * Whether the JSON Schema that the package ships takes a document, as an editor's validator would see it; else the
 * places of its faults.
 */
async function createValidator (t: Test): Promise<(document: object) => Promise<string>> {
  const app = fastify({
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: true, strict: false } }
  })
  t.teardown(async () => { await app.close() })
  app.post('/', { schema: { body: readSchema() } }, async () => 'taken')
  return async document => {
    const answer = await app.inject({ method: 'POST', url: '/', payload: document })
    return answer.statusCode === 200 ? answer.body : answer.json<{ message: string }>().message
  }
}

t.test('the JSON Schema of the file takes the documented example and refuses what is misspelt or of another kind', async t => {
  const validate = await createValidator(t)
  const example = parse(documented) as { tenants: object[] }
  t.equal(await validate(example), 'taken')
  t.equal(
    await validate({ ...example, $schema: 'config-file.schema.json', embedOrigins: 'https://a.example https://b.example' }),
    'taken',
    'lists may be text'
  )
  const cases: [title: string, document: object, fault: RegExp][] = [
    ['a misspelt key', { ...example, embedOrigin: [] }, /additional properties/],
    ['a misspelt key of a tenant', { tenants: [tenant('one', { clientSecert: 'x' })] }, /tenants\/0 must NOT have additional properties/],
    ['another mode', { tenants: [tenant('one', { engineMode: 'none' })] }, /engineMode must be equal to one of the allowed values/],
    ['a number in the place of a flag', { tenants: [tenant('one', { readOnly: 1 })] }, /readOnly/],
    ['a tenant without a name', { tenants: [{ publicUrl: 'https://one.example.com' }] }, /required property 'name'/],
    ['what is for all tenants', { tenants: [tenant('one', { redisUrl: 'redis://redis' })] }, /additional properties/],
    ['what is of each tenant', { ...example, publicUrl: 'https://one.example.com' }, /additional properties/],
    ['what a program alone can give', { ...example, publicFolder: '/' }, /additional properties/],
    ['no tenants', { tenants: [] }, /fewer than 1/]
  ]
  for (const [title, document, fault] of cases) t.match(await validate(document), fault, title)
})

t.test('the JSON Schema knows every setting of a file, and says what it is', async t => {
  const schema = readSchema() as {
    properties: Record<string, { description?: string }> & { tenants: { items: { properties: Record<string, { description?: string }> } } }
  }
  const { tenants, $schema: _schema, ...top } = schema.properties
  const all = { ...top, ...tenants.items.properties }
  const fileOptions = Object.keys(gatewaySchema.shape).filter(option => !unwritable.has(option))
  t.same(Object.keys(all).sort(), [...new Set([...fileOptions, ...Object.keys(serverSchema.shape)])].sort())
  t.same(Object.entries(all).filter(([, { description = '' }]) => description.length < 10), [])
})

t.test('the documented example is a file that the gateway takes', async t => {
  const folder = t.testdir({ keys: sessionKey, acme: 'acme-secret', globex: 'globex-secret' })
  const config = await read(
    t,
    documented
      .replaceAll('/run/secrets/session-keys', `${folder}/keys`)
      .replace('/run/secrets/acme', `${folder}/acme`)
      .replace('/run/secrets/globex', `${folder}/globex`)
  ) as TenantsConfig
  t.match(config.gateway.tenants.entries, [
    { name: 'acme', clientSecret: 'acme-secret', embedOrigins: ['https://portal.example.com'] },
    { name: 'globex', engineMode: 'view' }
  ])
  t.match(config.server, { host: '0.0.0.0', port: 8080 })
  t.same(config.warnings, [])
})

t.test('variables win over the top level, and a tenant\'s own settings over both', async t => {
  const config = await read(
    t,
    { sessionKeys: sessionKey, logLevel: 'warn', maxSockets: 5, tenants: [tenant('one'), tenant('two', { maxSockets: 7 })] },
    { LOG_LEVEL: 'error', MAX_SOCKETS: '6' }
  ) as TenantsConfig
  t.equal(config.server.logLevel, 'error')
  t.match(config.gateway.tenants.entries, [{ maxSockets: '6' }, { maxSockets: 7 }])
})

t.test('without a key sessions are sealed with a random one, the same when the file is read again; production demands one', async t => {
  const document = { tenants: [tenant('one')] }
  const config = await read(t, document) as TenantsConfig
  t.match(config.warnings, [/^sessionKeys is not set/])
  const again = await config.readAgain()
  t.equal(again.gateway.tenants.entries[0]?.sessionKeys, config.gateway.tenants.entries[0]?.sessionKeys)
  t.match((await read(t, { tenants: [tenant('one', { sessionKeys: sessionKey })] }) as TenantsConfig).warnings, [])
  t.match(await read(t, document, { NODE_ENV: 'production' }), [/sessionKeys is required/])
})

t.test('every fault is told at once, by the path of its key or the name of its variable', async t => {
  const folder = t.testdir({ secret: 'secret' })
  const faults = await read(t, {
    sessionKeys: sessionKey,
    publicUrl: 'https://all.example.com',
    portt: 3000,
    embedOrigin: [],
    tenants: [
      tenant('one', { clientSecretFile: `${folder}/secret`, clientSecert: 'x' }),
      tenant('two', { publicUrl: 'two', redisUrl: 'redis://redis' }),
      tenant('one', { clientSecret: undefined, clientSecretFile: `${folder}/none` }),
      'three'
    ]
  }, { COOKIE_MODE: 'none' })
  for (const fault of [
    /^portt is not an option: correct its spelling or leave it out$/,
    /^embedOrigin is not an option: is embedOrigins meant\?$/,
    /^publicUrl belongs to each tenant: /,
    /^COOKIE_MODE is not a mode/,
    /^tenants\[0\]\.clientSecret and tenants\[0\]\.clientSecretFile are both set/,
    /^tenants\[0\]\.clientSecert is not an option: is clientSecret meant\?$/,
    /^tenants\[1\]\.publicUrl is not a URL/,
    /^tenants\[1\]\.redisUrl is for all tenants: /,
    /^tenants\[2\]\.clientSecretFile cannot be read \(ENOENT\)/,
    /^tenants\[2\]\.name is that of tenants\[0\] too/,
    /^tenants\[3\]\.name is required/
  ]) t.ok((faults as string[]).some(line => fault.test(line)), String(fault))
})

t.test('what is no list of tenants is one fault', async t => {
  for (const tenants of [undefined, [], 'one', { one: tenant('one') }]) {
    t.match(await read(t, { sessionKeys: sessionKey, tenants }), [/^tenants is required/], JSON.stringify(tenants))
  }
})

t.test('what is no file of settings says where, and shows no line of it, which may hold secrets', async t => {
  // Each line repeats the one before it nine times.
  const aliases = Array.from('bcdefghi', (letter, at) => `${letter}: &${letter} [${Array(9).fill(`*${'abcdefgh'[at]}`).join()}]`)
  const cases: [content: string, fault: RegExp][] = [
    ['tenants: [\nclientSecret: hush', /^CONFIG_FILE is neither YAML nor JSON \([A-Z_]+ at line \d, column \d+\)/],
    ['- hush', /^CONFIG_FILE holds no settings/],
    ['', /^CONFIG_FILE holds no settings/],
    ['hush', /^CONFIG_FILE holds no settings/],
    [`a: &a [x,x,x,x,x,x,x,x,x]\n${aliases.join('\n')}`, /^CONFIG_FILE holds no settings/]
  ]
  for (const [content, fault] of cases) {
    const faults = await read(t, content) as string[]
    t.match(faults, [fault])
    t.notMatch(faults.join(), 'hush')
  }
  await t.rejects(readConfigFile({}, join(makeFolder(t), 'none.yaml')), /CONFIG_FILE cannot be read \(ENOENT\)/)
})

t.test('two tenants have no place, name or cookie in common', async t => {
  const cases: [more: [object, object], fault: RegExp][] = [
    [[{}, { publicUrl: 'https://one.example.com/' }], /^tenants\[1\]\.publicUrl is that of tenants\[0\] too/],
    [[{}, { publicUrl: 'https://one.example.com/a/b/c/d' }], /^tenants\[1\]\.publicUrl has a path of more than 3 segments/],
    [[{}, { publicUrl: 'https://one.example.com/api/two' }],
      /^tenants\[1\]\.publicUrl has a path that the tenant of one\.example\.com answers or forwards itself/],
    [[{ publicUrl: 'http://localhost:1' }, { publicUrl: 'http://localhost:2' }],
      /^tenants\[1\]\.cookieName is that of tenants\[0\] under the same host name/]
  ]
  for (const [[one, two], fault] of cases) {
    t.match(await read(t, { sessionKeys: sessionKey, tenants: [tenant('one', one), tenant('two', two)] }), [fault])
  }
})

t.test('a fault in what all tenants share is told once, and hides none of a tenant', async t => {
  const tenants = [tenant('one'), tenant('two', { cookieName: 'a b' })]
  for (const forwardPublic of [['/app'], 7]) {
    const faults = await read(t, { sessionKeys: sessionKey, forwardPublic, tenants })
    t.match((faults as string[]).sort(), [/^forwardPublic /, /^tenants\[1\]\.cookieName /], String(forwardPublic))
  }
  for (const forwarded of [{ forwardPublic: ['/app'] }, { forwardPublic: ['/x'], forwardPrivate: 7 as never }]) {
    t.throws(
      () => checkGateway({ sessionKeys: sessionKey, ...forwarded, tenants: [tenant('one')] }),
      { name: 'ConfigError', faults: [/^forwardP/] },
      'under the name of the option, where a program gives it'
    )
  }
})

t.test('the settings are those of the file where CONFIG_FILE names one, else those of the variables', async t => {
  const folder = t.testdir({ 'gateway.yaml': stringify({ sessionKeys: sessionKey, tenants: [tenant('one')] }) })
  t.match(await readSettings({ CONFIG_FILE: `${folder}/gateway.yaml` }), { gateway: { tenants: { entries: [{ name: 'one' }] } } })
  t.match(
    await readSettings({ CONFIG_FILE: '', QLIK_TENANT_URL: 'https://tenant.example', QLIK_CLIENT_ID: 'id', QLIK_CLIENT_SECRET: 'secret' }),
    { gateway: { clientId: 'id' } }
  )
})
