import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Certificate } from '../certificate.js'
import {
  ConfigError, parseProxies, randomKeys, readConfig, readServer, readServerCertificate, type Config, type ServerConfig
} from './config.js'
import { findMisspelt, nameOf, readVariables, type Values } from './environment.js'
import { createTenants, type GatewayTenants, type SeveralTenantsOptions } from './gateway-tenants.js'
import { gatewaySchema, sharedOptions, unwritable } from './gateway-schema.js'
import { serverSchema } from './server-schema.js'
import { createSignals, type Signals } from '../signals.js'
import type { OutboundProxies } from '../tenants/outbound-proxy.js'
import { checkTenants, inherit, suggestOption, writtenAs, type TenantOptions } from './tenant-options.js'
import { configFileVariable } from './variables.js'

/** The settings of several tenants, from a file and from variables. Variables take precedence over the top level of the file. */
export interface TenantsConfig {
  gateway: Omit<SeveralTenantsOptions, 'tenants'> & { signals: Signals, tenants: GatewayTenants }
  server: ServerConfig
  certificate?: Certificate | undefined
  warnings: string[]
  /** The outbound proxies of the top level. */
  proxies: OutboundProxies
  file: string
  /** What the file held. */
  text: string
  /** Reads the file and the variables again. */
  readAgain: () => Promise<TenantsConfig>
}

/** Reads the settings of several tenants where CONFIG_FILE names a file, else those of one from the variables; raises a ConfigError. */
export async function readSettings (env: NodeJS.ProcessEnv): Promise<Config | TenantsConfig> {
  const file = env[configFileVariable] || undefined
  return file === undefined ? readConfig(env) : await readConfigFile(env, file)
}

/**
 * What a tenant of the file has and inherits, as it stands there: where its client is yet to be registered, no fault is told.
 * Undefined where the file has no tenant of this name. Raises a ConfigError for what is no file of settings.
 */
export async function readTenantEntry (file: string, name: string): Promise<Values | undefined> {
  const { tenants, ...top } = await readDocument(readText(file))
  const own = (Array.isArray(tenants) ? tenants : []).map(entry => Object(entry) as Values).find(entry => entry.name === name)
  return own === undefined ? undefined : inherit(top, own)
}

/**
 * Reads the file of CONFIG_FILE, in YAML or JSON, and the variables. Raises one ConfigError that names every fault,
 * those of a tenant by their path in the file. `randomKey` seals sessions where there is no key and none is demanded.
 */
export async function readConfigFile (
  env: NodeJS.ProcessEnv, file: string, randomKey = randomBytes(32).toString('base64')
): Promise<TenantsConfig> {
  const faults: string[] = []
  const misspelt = findMisspelt(env)
  const warnings = [...misspelt]
  // By `$schema` editors find the schema of a file in JSON.
  const text = readText(file)
  const { tenants, $schema: _schema, ...document } = await readDocument(text)
  const known = [...Object.keys(gatewaySchema.shape).filter(option => !unwritable.has(option)), ...Object.keys(serverSchema.shape)]
  for (const option of Object.keys(document).filter(option => !known.includes(option))) {
    faults.push(`${option} is not an option: ${suggestOption(option, known)}`)
  }
  const variables = Object.fromEntries(Object.entries(readVariables(env, faults)).filter(([, value]) => value !== undefined))
  const values = inherit(readFiles(document, '', faults), variables)
  const isVariable = (option: string) => variables[option] !== undefined
  const nameOfSetting = (option: string) => isVariable(option) ? nameOf(option) : writtenAs(option, document)
  const server = readServer(values, faults, nameOfSetting)
  values.identityProxies = server.trustedProxies
  const certificate = readServerCertificate(server, faults, warnings, nameOfSetting)
  const entries = Array.isArray(tenants)
    ? tenants.map((entry, at) => readFiles(Object(entry) as Values, `tenants[${at}].`, faults))
    : tenants
  if (values.sessionKeys === undefined && env.NODE_ENV !== 'production') {
    values.sessionKeys = randomKey
    const isUsed = !Array.isArray(entries) || (entries as Values[]).some(entry => entry.sessionKeys === undefined)
    if (isUsed) warnings.push(randomKeys(nameOfSetting))
  }
  const top = Object.fromEntries(Object.entries(values).filter(([option]) => Object.hasOwn(gatewaySchema.shape, option)))
  const checked = checkTenants(top, entries, faults, nameOfSetting)
  if (faults.length > 0) throw new ConfigError(faults, misspelt)
  const shared = Object.fromEntries(Object.entries(top).filter(([option]) => (sharedOptions as readonly string[]).includes(option)))
  // Each was checked above, and includes what it inherits.
  const given = checked.tenants.map(tenant => tenant.given) as TenantOptions[]
  return {
    gateway: { ...shared, signals: createSignals(), tenants: createTenants(given) },
    server: server as ServerConfig,
    certificate,
    warnings,
    proxies: parseProxies(values),
    file,
    text,
    readAgain: async () => await readConfigFile(env, file, randomKey)
  }
}

const contents = {
  clientSecretFile: 'clientSecret',
  clientKeyFile: 'clientKey',
  sessionKeysFile: 'sessionKeys',
  identityKeysFile: 'identityKeys',
  adminClientSecretFile: 'adminClientSecret',
  adminClientKeyFile: 'adminClientKey'
} as const

/** Adds the values that are read from files. */
function readFiles (values: Values, path: string, faults: string[]): Values {
  const read = { ...values }
  for (const [fileOption, option] of Object.entries(contents)) {
    const file = values[fileOption]
    if (typeof file !== 'string') continue
    if (values[option] !== undefined) faults.push(`${path}${option} and ${path}${fileOption} are both set: keep one of them`)
    try {
      read[option] = readFileSync(file, 'utf8').trim()
    } catch (error) {
      faults.push(`${path}${fileOption} cannot be read (${(error as NodeJS.ErrnoException).code}): name a file that the gateway may read`)
    }
  }
  return read
}

function readText (file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError([`CONFIG_FILE cannot be read (${(error as NodeJS.ErrnoException).code}): name a file that the gateway may read`])
  }
}

/** Parses the text of the file. Messages quote no line of it, which could hold a secret. */
async function readDocument (text: string): Promise<Values> {
  const { LineCounter, parseDocument } = await import('yaml')
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter })
  const [error] = document.errors
  if (error !== undefined) {
    const { line, col } = lineCounter.linePos(error.pos[0])
    throw new ConfigError([`CONFIG_FILE is neither YAML nor JSON (${error.code} at line ${line}, column ${col}): correct it there`])
  }
  try {
    const values: unknown = document.toJS()
    if (typeof values === 'object' && values !== null && !Array.isArray(values)) return values as Values
  } catch {
    // Aliases that would expand to more than memory holds (yaml's maxAliasCount).
  }
  throw new ConfigError(['CONFIG_FILE holds no settings: write them as keys and values, and the tenants as a list below tenants'])
}
