import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { GatewayOptions } from './gateway-options.js'
import { hasEnded, readCertificate, type Certificate } from '../certificate.js'
import { findMeant } from './misspelt.js'
import { faultsAcross, gatewaySchema, type GatewayConfig } from './gateway-schema.js'
import { GatewayTenants, type SeveralTenantsOptions } from './gateway-tenants.js'
import type { OutboundProxies } from '../tenants/outbound-proxy.js'
import { serverSchema, type ServerConfig } from './server-schema.js'
import { checkTenants, limitIdleTime, limitScopes, suggestOption, type CheckedTenants } from './tenant-options.js'
import { configFileVariable, contentVariables, fileVariables, lowerCaseToo, variables } from './variables.js'

export type { ServerConfig } from './server-schema.js'
export { fileVariables, variables } from './variables.js'

/** The settings of one tenant. */
export interface Config {
  gateway: GatewayConfig
  server: ServerConfig
  /** What TLS_CERT_FILE and TLS_KEY_FILE hold. */
  certificate?: Certificate | undefined
  /** What is allowed but wants to be known, for the log. */
  warnings: string[]
}

/** All that is wrong with the settings, a line each: the name, what is wrong, the remedy. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly faults: string[]
  /** What may explain them. */
  readonly hints: string[]

  constructor (faults: string[], hints: string[] = []) {
    const lines = (texts: string[]) => texts.map(text => `\n  - ${text}`).join('')
    super(`The settings have ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:${lines(faults)}${hints.length === 0 ? '' : `\nPerhaps because:${lines(hints)}`}`)
    this.faults = faults
    this.hints = hints
  }
}

type Values = Record<string, unknown>

/** Reads all settings from an environment; raises one ConfigError that names every fault. */
export function readConfig (env: NodeJS.ProcessEnv): Config {
  const faults: string[] = []
  const misspelt = findMisspelt(env)
  const warnings = [...misspelt]
  const production = env.NODE_ENV === 'production'
  const values = readVariables(env, faults)
  if (values.sessionKeys === undefined && !production) {
    values.sessionKeys = randomBytes(32).toString('base64')
    warnings.push(randomKeys)
  }
  const server = readServer(values, faults)
  const certificate = readServerCertificate(server, faults, warnings)
  if (values.publicUrl === undefined && values.unixSocket !== undefined) {
    faults.push('PUBLIC_URL is required with UNIX_SOCKET: set it to the URL by which browsers call the gateway')
  } else if (values.publicUrl === undefined && !production) {
    values.publicUrl = `${certificate === undefined ? 'http' : 'https'}://localhost:${(server.port ?? 3000) as number}`
  }
  const gateway = parse(gatewaySchema, values, faults)
  limitIdleTime(gateway, values)
  limitScopes(gateway, values)
  if (certificate !== undefined && (gateway.publicUrl as URL | undefined)?.protocol === 'http:') {
    faults.push('PUBLIC_URL is http, but TLS_CERT_FILE has the gateway serve https: write it as https://host')
  }
  // What has a fault of its own is not missing.
  faults.push(...faultsAcross(gateway).filter(([option]) => !faults.some(line => line.startsWith(nameOf(option)))).map(([option, text]) => `${nameOf(option)} ${text}`))
  if (faults.length > 0) throw new ConfigError(faults, misspelt)
  return { gateway: gateway as GatewayConfig, server: server as ServerConfig, certificate, warnings }
}

/** The certificate that the gateway serves https by, if it does. */
export function readServerCertificate ({ tlsCertFile, tlsKeyFile }: Partial<ServerConfig>, faults: string[], warnings: string[]): Certificate | undefined {
  if (tlsCertFile !== undefined && tlsKeyFile !== undefined) {
    const certificate = readCertificate({ tlsCertFile, tlsKeyFile }, faults)
    if (certificate !== undefined && hasEnded(certificate)) {
      warnings.push(`The certificate of TLS_CERT_FILE has ended (${certificate.leaf.validTo}): browsers refuse the gateway until it is renewed.`)
    }
    return certificate
  }
  if (tlsCertFile !== undefined) faults.push('TLS_CERT_FILE is set, and TLS_KEY_FILE is not: name the file of its private key too')
  if (tlsKeyFile !== undefined) faults.push('TLS_KEY_FILE is set, and TLS_CERT_FILE is not: name the file of its certificate too')
  return undefined
}

/** What is said of a gateway that makes its own key. */
export const randomKeys = 'SESSION_KEYS is not set: a random key is used, so every session ends when the gateway stops.'

/** The values of all variables that are set, by their options. */
export function readVariables (env: NodeJS.ProcessEnv, faults: string[]): Values {
  const values: Values = {}
  for (const [name, option] of Object.entries(variables)) {
    const value = readVariable(env, name, faults) ?? (lowerCaseToo.includes(name) ? readVariable(env, name.toLowerCase(), faults) : undefined)
    if (value !== undefined) values[option] = value
  }
  values.sessionKeysFile = env.SESSION_KEYS_FILE || undefined
  values.clientSecretFile = env.QLIK_CLIENT_SECRET_FILE || undefined
  values.adminClientSecretFile = env.QLIK_ADMIN_CLIENT_SECRET_FILE || undefined
  for (const [name, option] of Object.entries(contentVariables)) {
    const content = readVariable({ [name]: env[name] }, option, faults, name)
    if (content !== undefined) values[option] = content
  }
  values.identityProxies = values.trustedProxies
  return values
}

/** The settings of the command. */
export function readServer (values: Values, faults: string[], nameOfSetting = nameOf): Values {
  const server = parse(serverSchema, values, faults, nameOfSetting)
  if ((server.shutdownNoticeSeconds as number) >= (server.shutdownGraceSeconds as number)) {
    faults.push('SHUTDOWN_NOTICE_SECONDS is not less than SHUTDOWN_GRACE_SECONDS, of which it is a part: make one shorter or the other longer')
  }
  if (server.traceContextToTenant === true && values.otlpEndpoint === undefined && values.otlpTracesEndpoint === undefined) {
    faults.push('TRACE_CONTEXT_TO_TENANT is true, but nothing is traced: set OTEL_EXPORTER_OTLP_ENDPOINT to the address of a collector')
  }
  return server
}

/** Checks the options of the plugin by the same schema as the environment, and refuses unknown ones; raises a ConfigError. */
export function checkOptions (options: GatewayOptions): GatewayConfig {
  // What the interface allows is what the schema takes: the compiler checks it here.
  const given: z.input<typeof gatewaySchema> = options
  const checked = z.strictObject(gatewaySchema.shape).safeParse(given)
  if (checked.success) {
    limitIdleTime(checked.data, options)
    limitScopes(checked.data, options)
  }
  const faults = checked.success
    ? faultsAcross(checked.data).map(([option, text]) => `${option} ${text}`)
    : checked.error.issues.flatMap(describeIssue)
  if (!checked.success || faults.length > 0) throw new ConfigError(faults)
  return checked.data
}

function describeIssue (issue: z.core.$ZodIssue): string[] {
  if (issue.code !== 'unrecognized_keys') return [`${issue.path.join('.')} ${issue.message}`]
  return issue.keys.map(name => name === 'prefix'
    ? 'prefix is not an option: the routes are mounted below the path of publicUrl'
    : `${name} is not an option: ${suggestOption(name)}`)
}

/** The outbound proxies alone, for commands that need no other settings. Raises a ConfigError. */
export function readProxies (env: NodeJS.ProcessEnv): OutboundProxies {
  return parseProxies(Object.fromEntries(lowerCaseToo.map(name => [nameOfOption(name), env[name] || env[name.toLowerCase()] || undefined])))
}

/** The outbound proxies among the values of options. Raises a ConfigError. */
export function parseProxies (values: Values): OutboundProxies {
  const faults: string[] = []
  const { httpsProxy, httpProxy, noProxy } = gatewaySchema.shape
  const proxies = parse(z.object({ httpsProxy, httpProxy, noProxy }), values, faults)
  if (faults.length > 0) throw new ConfigError(faults)
  return proxies
}

function nameOfOption (name: string): string {
  return variables[name as keyof typeof variables]
}

/** Checks what the plugin is given, for one tenant or several; raises a ConfigError. */
export function checkGateway (options: GatewayOptions | SeveralTenantsOptions): CheckedTenants & { several: boolean } {
  if (!('tenants' in options)) {
    const config = checkOptions(options)
    return { shared: config, tenants: [{ given: { ...options }, config }], several: false }
  }
  const { tenants, ...top } = options
  const faults: string[] = []
  for (const name of Object.keys(top).filter(name => !Object.hasOwn(gatewaySchema.shape, name))) faults.push(`${name} is not an option: ${suggestOption(name)}`)
  const checked = checkTenants(top, tenants instanceof GatewayTenants ? tenants.entries : tenants, faults)
  if (faults.length > 0) throw new ConfigError(faults)
  return { ...checked, several: true }
}

// What OpenSSL and Node read themselves, and what is near to a setting by chance.
const ofOthers = ['SSL_CERT_FILE', 'SSL_CERT_DIR']

/** Variables that look like a setting and are none. */
export function findMisspelt (env: NodeJS.ProcessEnv): string[] {
  const known = [configFileVariable, ...Object.keys(variables), ...Object.keys(fileVariables), ...lowerCaseToo.map(name => name.toLowerCase())]
  return Object.keys(env).filter(name => env[name] && !known.includes(name) && !ofOthers.includes(name)).flatMap(name => {
    const meant = findMeant(name, known)
    return meant === undefined ? [] : [`${name} is no setting: ${suggest(meant)}`]
  })
}

function suggest (meant: string | undefined, otherwise = ''): string {
  return meant === undefined ? otherwise : `is ${meant} meant?`
}

/** The value of a variable, or of the file that another names: both are a fault, and so is a file that cannot be read. */
export function readVariable (env: NodeJS.ProcessEnv, name: string, faults: string[], fileName = fileVariableOf(name)): string | undefined {
  // An empty variable is what `docker run -e NAME=` and compose files leave behind: not set.
  const value = env[name] || undefined
  const file = fileName === undefined ? undefined : env[fileName] || undefined
  if (file === undefined) return value
  if (value !== undefined) {
    faults.push(`${name} and ${fileName} are both set: keep one of them`)
    return undefined
  }
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    faults.push(`${fileName} cannot be read (${(error as NodeJS.ErrnoException).code}): name a file that the gateway may read`)
    return undefined
  }
}

function fileVariableOf (name: string): string | undefined {
  return Object.keys(fileVariables).find(key => fileVariables[key as keyof typeof fileVariables] === name)
}

/** Parses field by field, so that a fault in one hides none in another. */
function parse (schema: z.ZodObject, values: Values, faults: string[], nameOfSetting = nameOf): Values {
  const result: Values = {}
  for (const [option, field] of Object.entries(schema.shape)) {
    const parsed = z.safeParse(field, values[option])
    if (parsed.success) result[option] = parsed.data
    else if (!faults.some(line => line.startsWith(nameOfSetting(option)))) {
      faults.push(...new Set(parsed.error.issues.map(({ message }) => `${nameOfSetting(option)} ${message}`)))
    }
  }
  return result
}

const names = new Map([...Object.entries(variables), ...Object.entries(contentVariables), ['TRUSTED_PROXIES', 'identityProxies'] as const]
  .map(([name, option]): [string, string] => [option, name]))

/** The variable of an option that has one. */
export function nameOf (option: string): string {
  return names.get(option) as string
}
