import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { z } from 'zod'
import { contentVariables, fileVariables, variables } from '../../src/settings/variables.js'
import { readSettings } from './settings.js'

// Helm itself renders the chart in test/nightly/helm.ts.
type Values = Record<string, unknown> & { settings: Record<string, string | number | boolean> }
interface Schema { properties: Record<string, Schema>, propertyNames?: unknown, anyOf?: unknown[] }

const read = (file: string) => readFileSync(`deploy/helm/${file}`, 'utf8')
const values = parse(read('values.yaml')) as Values
const schema = JSON.parse(read('values.schema.json')) as Schema
const required = { QLIK_TENANT_URL: 'https://tenant.eu.qlikcloud.com', QLIK_CLIENT_ID: 'id', PUBLIC_URL: 'https://qlik.example.com' }
const check = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0])
const given = (settings: Record<string, unknown>, others: object = {}) =>
  check.safeParse({ ...values, ...others, settings: { ...values.settings, ...settings } }).success

t.test('the values that the chart comes with lack what only its user knows, and nothing else', async t => {
  t.notOk(given({}))
  for (const name of Object.keys(required)) t.notOk(given({ ...required, [name]: undefined }), name)
  t.ok(given(required))
})

t.test('the schema refuses secrets, what the chart sets itself, and what it does not know', async t => {
  for (const name of ['QLIK_CLIENT_SECRET', 'SESSION_KEYS', 'REDIS_URL', 'PORT', 'ADMIN_PORT', 'log_level']) {
    t.notOk(given({ ...required, [name]: 'x' }), name)
  }
  t.notOk(given({ ...required, PUBLIC_URL: 'http://qlik.example.com' }))
  // zod forgets what is unknown where a schema has alternatives; Helm does not.
  const { anyOf, ...closed } = schema
  t.ok(anyOf)
  t.notOk(
    z.fromJSONSchema(closed as Parameters<typeof z.fromJSONSchema>[0]).safeParse({ ...values, settings: required, replica: 2 }).success
  )
  t.notOk(check.safeParse({ ...values, settings: required, redis: { url: 'redis://:password@redis:6379' } }).success)
})

t.test('a file of settings takes the place of the settings of one tenant', async t => {
  t.ok(given({}, { configFile: { configMapName: 'tenants' } }))
  t.ok(given({}, { configFile: { secretName: 'tenants' } }))
  t.notOk(given({}, { configFile: { key: 'tenants.yaml' } }))
})

t.test('every setting that names a file or a secret is mounted by the chart, and cannot be set beside that', async t => {
  const files = [...Object.keys(variables), ...Object.keys(fileVariables)].filter(name => name.endsWith('_FILE') || name === 'UNIX_SOCKET')
  for (const name of Object.keys(contentVariables)) t.ok(files.includes(name))
  const helpers = read('templates/_helpers.tpl')
  for (const name of [...files, 'CONFIG_FILE']) {
    t.match(helpers, name)
    t.notOk(given({ ...required, [name]: '/run/file' }), name)
  }
  for (const name of Object.values(fileVariables)) t.notOk(given({ ...required, [name]: 'x' }), name)
  t.notOk(given({ ...required, HTTPS_PROXY: 'http://user:password@proxy:3128' }), 'a proxy with a password')
  t.ok(given({ ...required, HTTPS_PROXY: 'http://proxy:3128' }))
})

t.test('every value has its place in the schema, and every place its value', async t => {
  function pathsOf (some: unknown, { properties = {} }: Partial<Schema> = {}, path = ''): string[] {
    const names = new Set([
      ...Object.keys(properties),
      ...some !== null && typeof some === 'object' && !Array.isArray(some) ? Object.keys(some) : []
    ])
    return [...names].flatMap(name => {
      const inner = (some as Record<string, unknown> | undefined)?.[name]
      const place = properties[name]
      if (place === undefined) return [`${path}${name} has no place`]
      if (inner === undefined) return [`${path}${name} has no value`]
      return place.properties === undefined || place.propertyNames !== undefined ? [] : pathsOf(inner, place, `${path}${name}.`)
    })
  }
  t.same(pathsOf(values, schema), ['global has no value'])
})

t.test('the chart has the version of the package, and settings that the gateway takes', async t => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  t.match(parse(read('Chart.yaml')), { version, appVersion: version })
  const settings = Object.fromEntries(Object.entries({ ...values.settings, ...required }).map(([name, value]) => [name, String(value)]))
  t.equal(readSettings(t, settings).publicUrl.href, 'https://qlik.example.com/')
})
