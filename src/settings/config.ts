import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { GatewayOptions } from './gateway-options.js'
import { hasEnded, readCertificate, type Certificate } from '../certificate.js'
import { findMisspelt, nameOf, optionOf, readVariables, type Values } from './environment.js'
import { faultsAcross } from './faults.js'
import { gatewaySchema, type GatewayConfig } from './gateway-schema.js'
import { GatewayTenants, type SeveralTenantsOptions } from './gateway-tenants.js'
import type { OutboundProxies } from '../tenants/outbound-proxy.js'
import { nameOptions } from './mentions.js'
import { serverSchema, type ServerConfig } from './server-schema.js'
import { checkTenants, limitIdleTime, limitScopes, suggestOption, type CheckedTenants } from './tenant-options.js'
import { inOurWords } from './values.js'
import { lowerCaseToo } from './variables.js'

export type { ServerConfig } from './server-schema.js'
export { fileVariables, variables } from './variables.js'

/** The settings of one tenant. */
export interface Config {
  gateway: GatewayConfig
  server: ServerConfig
  /** What TLS_CERT_FILE and TLS_KEY_FILE hold. */
  certificate?: Certificate | undefined
  /** What is allowed but questionable, for the log. */
  warnings: string[]
}

/** Everything that is wrong with the settings, a line each: the name of the setting, what is wrong, the remedy. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly faults: string[]
  /** What may have caused them, such as misspelt variables. */
  readonly hints: string[]

  constructor (faults: string[], hints: string[] = []) {
    const lines = (texts: string[]) => texts.map(text => `\n  - ${text}`).join('')
    const number = faults.length === 1 ? 'a fault' : `${faults.length} faults`
    super(`The settings have ${number}:${lines(faults)}${hints.length === 0 ? '' : `\nPerhaps because:${lines(hints)}`}`)
    this.faults = faults
    this.hints = hints
  }
}

/** Reads all settings from an environment; raises one ConfigError that names every fault. */
export function readConfig (env: NodeJS.ProcessEnv): Config {
  const faults: string[] = []
  const misspelt = findMisspelt(env)
  const warnings = [...misspelt]
  const production = env.NODE_ENV === 'production'
  const values = readVariables(env, faults)
  if (values.sessionKeys === undefined && !production) {
    values.sessionKeys = randomBytes(32).toString('base64')
    warnings.push(randomKeys(nameOf))
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
  // An option with a fault of its own is missing here, which is no second fault.
  const isFaulty = (option: string) => faults.some(line => line.startsWith(nameOf(option)))
  const across = faultsAcross(gateway).filter(([option]) => !isFaulty(option))
  faults.push(...across.map(([option, text]) => `${nameOf(option)} ${nameOptions(text, nameOf)}`))
  if (faults.length > 0) throw new ConfigError(faults, misspelt)
  return { gateway: gateway as GatewayConfig, server: server as ServerConfig, certificate, warnings }
}

/** Reads the certificate of a gateway that serves https itself; undefined otherwise. */
export function readServerCertificate (
  { tlsCertFile, tlsKeyFile }: Partial<ServerConfig>, faults: string[], warnings: string[], nameOfSetting = nameOf
): Certificate | undefined {
  const [certName, keyName] = [nameOfSetting('tlsCertFile'), nameOfSetting('tlsKeyFile')]
  if (tlsCertFile !== undefined && tlsKeyFile !== undefined) {
    const certificate = readCertificate({ tlsCertFile, tlsKeyFile }, faults, nameOfSetting)
    if (certificate !== undefined && hasEnded(certificate)) {
      const endedAt = certificate.leaf.validTo
      warnings.push(`The certificate of ${certName} has ended (${endedAt}): browsers refuse the gateway until it is renewed.`)
    }
    return certificate
  }
  if (tlsCertFile !== undefined) faults.push(`${certName} is set, and ${keyName} is not: name the file of its private key too`)
  if (tlsKeyFile !== undefined) faults.push(`${keyName} is set, and ${certName} is not: name the file of its certificate too`)
  return undefined
}

/** The warning of a gateway that makes its own key. */
export const randomKeys = (nameOfSetting: (option: string) => string) =>
  `${nameOfSetting('sessionKeys')} is not set: a random key is used, so every session ends when the gateway stops.`

/** The settings of the command. */
export function readServer (values: Values, faults: string[], nameOfSetting = nameOf): Values {
  const server = parse(serverSchema, values, faults, nameOfSetting)
  if ((server.shutdownNoticeSeconds as number) >= (server.shutdownGraceSeconds as number)) {
    faults.push(nameOptions('{shutdownNoticeSeconds} is not less than {shutdownGraceSeconds}, of which it is a part: ' +
      'make one shorter or the other longer', nameOfSetting))
  }
  if (server.traceContextToTenant === true && values.otlpEndpoint === undefined && values.otlpTracesEndpoint === undefined) {
    faults.push(nameOptions('{traceContextToTenant} is true, but nothing is traced: set {otlpEndpoint} to the address of a collector',
      nameOfSetting))
  }
  return server
}

/** Checks the options of the plugin by the same schema as the environment, and refuses unknown ones; raises a ConfigError. */
export function checkOptions (options: GatewayOptions): GatewayConfig {
  // This assignment compiles only if the schema accepts whatever the interface allows.
  const given: z.input<typeof gatewaySchema> = options
  const checked = z.strictObject(gatewaySchema.shape).safeParse(given, inOurWords)
  if (checked.success) {
    limitIdleTime(checked.data, options)
    limitScopes(checked.data, options)
  }
  const faults = checked.success
    ? faultsAcross(checked.data).map(([option, text]) => `${option} ${nameOptions(text, itself)}`)
    : checked.error.issues.flatMap(describeIssue)
  if (!checked.success || faults.length > 0) throw new ConfigError(faults)
  return checked.data
}

/** A program writes options by their own names. */
const itself = (option: string) => option

function describeIssue (issue: z.core.$ZodIssue): string[] {
  if (issue.code !== 'unrecognized_keys') return [`${issue.path.join('.')} ${nameOptions(issue.message, itself)}`]
  return issue.keys.map(name => name === 'prefix'
    ? 'prefix is not an option: the routes are mounted below the path of publicUrl'
    : `${name} is not an option: ${suggestOption(name)}`)
}

/** The outbound proxies alone, for commands that need no other settings. Raises a ConfigError. */
export function readProxies (env: NodeJS.ProcessEnv): OutboundProxies {
  return parseProxies(Object.fromEntries(lowerCaseToo.map(name => [optionOf(name), env[name] || env[name.toLowerCase()] || undefined])))
}

/** The outbound proxies among the values of options. Raises a ConfigError. */
export function parseProxies (values: Values): OutboundProxies {
  const faults: string[] = []
  const { httpsProxy, httpProxy, noProxy } = gatewaySchema.shape
  const proxies = parse(z.object({ httpsProxy, httpProxy, noProxy }), values, faults)
  if (faults.length > 0) throw new ConfigError(faults)
  return proxies
}

/** Checks what the plugin is given, for one tenant or several; raises a ConfigError. */
export function checkGateway (options: GatewayOptions | SeveralTenantsOptions): CheckedTenants & { several: boolean } {
  if (!('tenants' in options)) {
    const config = checkOptions(options)
    return { shared: config, tenants: [{ given: { ...options }, config }], several: false }
  }
  const { tenants, ...top } = options
  const unknown = Object.keys(top).filter(name => !Object.hasOwn(gatewaySchema.shape, name))
  const faults = unknown.map(name => `${name} is not an option: ${suggestOption(name)}`)
  const checked = checkTenants(top, tenants instanceof GatewayTenants ? tenants.entries : tenants, faults)
  if (faults.length > 0) throw new ConfigError(faults)
  return { ...checked, several: true }
}

/** Parses field by field, so that a fault in one hides none in another. */
function parse (schema: z.ZodObject, values: Values, faults: string[], nameOfSetting = nameOf): Values {
  const result: Values = {}
  for (const [option, field] of Object.entries(schema.shape)) {
    const parsed = z.safeParse(field, values[option], inOurWords)
    if (parsed.success) result[option] = parsed.data
    else if (!faults.some(line => line.startsWith(nameOfSetting(option)))) {
      faults.push(...new Set(parsed.error.issues.map(({ message }) => `${nameOfSetting(option)} ${nameOptions(message, nameOfSetting)}`)))
    }
  }
  return result
}
