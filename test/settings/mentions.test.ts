import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { readConfigFile } from '../../src/settings/config-file.js'
import { checkGateway, ConfigError, fileVariables, variables } from '../../src/settings/config.js'
import { nameAsInFile } from '../../src/settings/environment.js'
import { gatewaySchema } from '../../src/settings/gateway-schema.js'
import { serverSchema } from '../../src/settings/server-schema.js'
import { createCertificate } from '../helpers/certificate.js'
import { makeFolder } from '../helpers/folder.js'
import { sessionKey } from '../helpers/session-cookie.js'

type Settings = Record<string, unknown>

const folder = makeFolder(t)
const file = join(folder, 'gateway.json')
const named = new RegExp(`\\b(?:${[...Object.keys(variables), ...Object.keys(fileVariables)].join('|')})\\b`)
const sound = {
  name: 'one', publicUrl: 'https://one.example.com', tenantUrl: 'https://one.qlik.example', clientId: 'id', clientSecret: 'secret'
}

function write (name: string, content: string): string {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

/** What is wrong with a file of these settings, and what is questionable. */
async function tell (top: Settings, tenant: Settings = {}, ...others: Settings[]): Promise<string[]> {
  writeFileSync(file, JSON.stringify({ ...top, tenants: [{ ...sound, ...tenant }, ...others] }))
  try {
    return (await readConfigFile({}, file)).warnings
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.faults
  }
}

// Words of the library that checks values: who meets them learns neither what is wrong nor what would be right.
const foreign = /invalid input|expected|received|undefined/i
const options = new Set([...Object.keys(gatewaySchema.shape), ...Object.keys(serverSchema.shape)])

t.test('whatever is wrong in a file is told by the names that its options have there, never by those of variables', async t => {
  const invalid = [{}, [{}], -1, '', 'no ☃', 'file', 'https://*.example.com/path', '\0', 1e9, true, null, [7], [[]]]
  const told: string[] = []
  for (const option of options) {
    for (const value of invalid) {
      // One tenant inherits it, and another has it of its own.
      const own = { ...sound, name: 'two', publicUrl: 'https://two.example.com', [option]: value }
      told.push(...await tell({ [option]: value }, {}, own))
    }
  }
  t.ok(told.length > 1_000)
  t.same([...new Set(told)].filter(line => named.test(line)), [])
  t.same([...new Set(told)].filter(line => foreign.test(line)), [], 'in words that say what is wrong')
})

t.test('a program that passes a value of another kind is told what it should be', async t => {
  const told: string[] = []
  for (const option of Object.keys(gatewaySchema.shape)) {
    for (const value of [{}, [{}], 7, true, null, [7], [[]]]) {
      try {
        checkGateway({ ...sound, sessionKeys: sessionKey, [option]: value })
      } catch (error) {
        told.push(...(error as ConfigError).faults)
      }
    }
  }
  t.ok(told.length > 200)
  t.same(told.filter(line => foreign.test(line)), [])
})

t.test('what is no option beside a list of tenants is told to a program, with the option that is meant', async t => {
  t.throws(() => checkGateway({ tenants: [sound], logSamples: 1 } as never), {
    message: /\n {2}- logSamples is not an option: is logSample meant\?\n/
  })
})

t.test('a mode that is none is one fault, and so is a range of proxies that is none', async t => {
  t.same(await tell({ redisMode: 'two', sessionKeys: sessionKey }), ['redisMode is not a mode: use single, sentinel or cluster'])
  t.match(await tell({ trustedProxies: 'all', sessionKeys: sessionKey }), [/^trustedProxies holds something that is not a CIDR range/])
})

t.test('so are options that do not go together', async t => {
  const [own, other] = [createCertificate(['one.example.com']), createCertificate(['two.example.com'])]
  const [tlsCertFile, tlsKeyFile] = [write('cert.pem', own.cert), write('key.pem', own.key)]
  const impersonation = { credentials: 'impersonation', identityJwtIssuer: 'https://issuer.example', identityKeysFile: '/none' }
  const cases: [what: Settings, told: RegExp][] = [
    [{}, /^sessionKeys is not set/],
    [{ tlsCertFile }, /^tlsCertFile is set, and tlsKeyFile is not/],
    [{ tlsKeyFile }, /^tlsKeyFile is set, and tlsCertFile is not/],
    [{ tlsCertFile: '/none', tlsKeyFile }, /^tlsCertFile cannot be read/],
    [{ tlsCertFile: tlsKeyFile, tlsKeyFile: tlsCertFile }, /^tlsKeyFile holds no private key/],
    [{ tlsCertFile, tlsKeyFile: write('other.pem', other.key) }, /^tlsKeyFile holds the key of another certificate than tlsCertFile/],
    [{ shutdownGraceSeconds: 5, shutdownNoticeSeconds: 5 }, /^shutdownNoticeSeconds is not less than shutdownGraceSeconds/],
    [{ traceContextToTenant: true }, /^traceContextToTenant is true, but nothing is traced: set otlpEndpoint/],
    [{ redisMode: 'cluster' }, /^redisUrl is required where redisMode is cluster/],
    [{ redisUrl: 'redis://a,b' }, /^redisUrl names several hosts.*set redisMode to/],
    [{ redisMode: 'sentinel', redisUrl: 'redis://a' }, /^redisMaster is required where redisMode is sentinel/],
    [{ redisMaster: 'm' }, /^redisMaster is for sentinels alone: set redisMode/],
    [{ credentials: 'impersonation' }, /identityJwksUrl is required: .* by identityKeysFile$/],
    [{ ...impersonation, identityJwtHeader: 'x' }, /identityProxies is required/],
    [{ ...impersonation, provisionUsers: true }, /adminClientSecret is required: .* by adminClientKeyFile$/],
    [{ sessionKeysFile: write('keys', 'short') }, /^sessionKeysFile holds a key of 3 bytes/],
    [{ embedOrigins: 'https://*.example.com' }, /^embedOrigins holds a wildcard.*\(frameAncestors takes them/],
    [{ cookieMode: 'cross-site' }, /^tenants\[0\]\.embedOrigins is empty/]
  ]
  for (const [settings, expected] of cases) {
    const told = await tell(settings)
    t.ok(told.some(line => expected.test(line)), `${JSON.stringify(settings)}: ${told.join('; ')}`)
    t.same(told.filter(line => named.test(line)), [])
  }
  const remedy = /^tenants\[0\]\.clientSecret is required: .* by clientSecretFile, or a private key by clientKeyFile$/
  t.ok((await tell({}, { clientSecret: undefined })).some(line => remedy.test(line)))
  const clientKeyFile = write('client', 'none')
  t.match(await tell({}, { clientSecret: undefined, clientKeyFile }), [/^tenants\[0\]\.clientKeyFile holds no private key/])
})

t.test('a text that names variables names options where there is a file, but for variables that are set', async t => {
  t.equal(
    nameAsInFile('Set REDIS_MODE=cluster and REDIS_URL, or name SESSION_KEYS_FILE; see NODE_ENV.', { REDIS_URL: 'redis://a' }),
    'Set redisMode=cluster and REDIS_URL, or name sessionKeysFile; see NODE_ENV.'
  )
})

t.test('what a variable sets is told by its name', async t => {
  writeFileSync(file, JSON.stringify({ tenants: [sound] }))
  const reading = readConfigFile({ REDIS_URL: 'redis://a', REDIS_MODE: 'sentinel' }, file)
  await t.rejects(reading, /redisMaster is required where REDIS_MODE is sentinel/)
})
