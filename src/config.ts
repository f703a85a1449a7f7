import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { GatewayOptions } from './gateway-options.js'
import { faultsAcross, gatewaySchema, type GatewayConfig } from './options.js'
import { cidrRange, collectorUrl, count, flag, headerPairs, list, portNumber, share, timerSeconds } from './settings.js'

const serverSchema = z.object({
  host: z.string().default('127.0.0.1'),
  port: portNumber.default(3000),
  adminHost: z.string().default('127.0.0.1'),
  adminPort: portNumber.optional(),
  trustedProxies: list(cidrRange).default([]),
  shutdownGraceSeconds: timerSeconds.default(10),
  shutdownNoticeSeconds: count(86_400, 0).optional(),
  otlpEndpoint: collectorUrl.transform(url => new URL(`${url.pathname.replace(/\/$/, '')}/v1/traces`, url)).optional(),
  otlpTracesEndpoint: collectorUrl.optional(),
  otlpHeaders: headerPairs.default({}),
  serviceName: z.string().default('qlik-embed-gateway'),
  traceSample: share.default(1),
  traceContextToTenant: flag.default(false),
  // Four cookies of a session take 16 KB, Node's default for all headers together.
  maxHeaderBytes: count(262_144, 8_192).default(32_768),
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], { error: 'is not a level: use fatal, error, warn, info, debug or trace' }).default('info')
})

/** What the command needs besides the gateway itself. */
export type ServerConfig = z.output<typeof serverSchema>

/** Where each setting of the environment goes. The documentation is tested against these names. */
export const variables = {
  QLIK_TENANT_URL: 'tenantUrl',
  QLIK_CLIENT_ID: 'clientId',
  QLIK_CLIENT_SECRET: 'clientSecret',
  QLIK_SCOPES: 'scopes',
  QLIK_ISSUER: 'issuer',
  PUBLIC_URL: 'publicUrl',
  SESSION_KEYS: 'sessionKeys',
  SESSION_IDLE_SECONDS: 'sessionIdleSeconds',
  SESSION_MAX_SECONDS: 'sessionMaxSeconds',
  REDIS_URL: 'redisUrl',
  LOGOUT_TENANT: 'logoutTenant',
  EMBED_ORIGINS: 'embedOrigins',
  COOKIE_MODE: 'cookieMode',
  ALLOWED_APPS: 'allowedApps',
  READ_ONLY: 'readOnly',
  FORWARD_PUBLIC: 'forwardPublic',
  FORWARD_PRIVATE: 'forwardPrivate',
  MAX_HEADER_BYTES: 'maxHeaderBytes',
  MAX_HEADERS: 'maxHeaders',
  MAX_COOKIES: 'maxCookies',
  MAX_SOCKETS: 'maxSockets',
  MAX_SOCKETS_PER_SESSION: 'maxSocketsPerSession',
  MAX_REQUESTS_PER_SESSION: 'maxRequestsPerSession',
  MAX_LOGINS_PER_MINUTE: 'maxLoginsPerMinute',
  BODY_TIMEOUT_SECONDS: 'bodyTimeoutSeconds',
  MAX_UPSTREAM_CONNECTIONS: 'maxUpstreamConnections',
  MAX_UPSTREAM_QUEUE: 'maxUpstreamQueue',
  HOST: 'host',
  PORT: 'port',
  ADMIN_HOST: 'adminHost',
  ADMIN_PORT: 'adminPort',
  TRUSTED_PROXIES: 'trustedProxies',
  SHUTDOWN_GRACE_SECONDS: 'shutdownGraceSeconds',
  SHUTDOWN_NOTICE_SECONDS: 'shutdownNoticeSeconds',
  LOG_LEVEL: 'logLevel',
  LOG_SAMPLE: 'logSample',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'otlpEndpoint',
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'otlpTracesEndpoint',
  OTEL_EXPORTER_OTLP_HEADERS: 'otlpHeaders',
  OTEL_SERVICE_NAME: 'serviceName',
  OTEL_TRACES_SAMPLER_ARG: 'traceSample',
  TRACE_CONTEXT_TO_TENANT: 'traceContextToTenant'
} as const satisfies Record<string, keyof GatewayConfig | keyof ServerConfig>

/** Settings that name a file whose content is the value. */
export const fileVariables = { QLIK_CLIENT_SECRET_FILE: 'QLIK_CLIENT_SECRET', SESSION_KEYS_FILE: 'SESSION_KEYS' } as const

export interface Config {
  gateway: GatewayConfig
  server: ServerConfig
  /** What is allowed but wants to be known, for the log. */
  warnings: string[]
}

/** All that is wrong with the settings, a line each: the name, what is wrong, the remedy. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly faults: string[]

  constructor (faults: string[]) {
    super(`The settings have ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map(line => `  - ${line}`).join('\n')}`)
    this.faults = faults
  }
}

type Values = Record<string, unknown>

/** Reads all settings from an environment; raises one ConfigError that names every fault. */
export function readConfig (env: NodeJS.ProcessEnv): Config {
  const faults: string[] = []
  const warnings: string[] = []
  const values: Values = {}
  const production = env.NODE_ENV === 'production'
  for (const [name, option] of Object.entries(variables)) {
    const value = readVariable(env, name, faults)
    if (value !== undefined) values[option] = value
  }
  if (values.sessionKeys === undefined && !production) {
    values.sessionKeys = randomBytes(32).toString('base64')
    warnings.push('SESSION_KEYS is not set: a random key is used, so every session ends when the gateway stops.')
  }
  values.sessionKeysFile = env.SESSION_KEYS_FILE || undefined
  const server = parse(serverSchema, values, faults)
  if ((server.shutdownNoticeSeconds as number) >= (server.shutdownGraceSeconds as number)) {
    faults.push('SHUTDOWN_NOTICE_SECONDS is not less than SHUTDOWN_GRACE_SECONDS, of which it is a part: make one shorter or the other longer')
  }
  if (server.traceContextToTenant === true && values.otlpEndpoint === undefined && values.otlpTracesEndpoint === undefined) {
    faults.push('TRACE_CONTEXT_TO_TENANT is true, but nothing is traced: set OTEL_EXPORTER_OTLP_ENDPOINT to the address of a collector')
  }
  if (values.publicUrl === undefined && !production) values.publicUrl = `http://localhost:${(server.port ?? 3000) as number}`
  const gateway = parse(gatewaySchema, values, faults)
  faults.push(...faultsAcross(gateway).map(([option, text]) => `${nameOf(option)} ${text}`))
  if (faults.length > 0) throw new ConfigError(faults)
  return { gateway: gateway as GatewayConfig, server: server as ServerConfig, warnings }
}

/** Checks the options of the plugin by the same schema as the environment, and refuses unknown ones; raises a ConfigError. */
export function checkOptions (options: GatewayOptions): GatewayConfig {
  // What the interface allows is what the schema takes: the compiler checks it here.
  const given: z.input<typeof gatewaySchema> = options
  const checked = z.strictObject(gatewaySchema.shape).safeParse(given)
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
    : `${name} is not an option: correct its spelling or leave it out`)
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
function parse (schema: z.ZodObject, values: Values, faults: string[]): Values {
  const result: Values = {}
  for (const [option, field] of Object.entries(schema.shape)) {
    const parsed = z.safeParse(field, values[option])
    if (parsed.success) result[option] = parsed.data
    else if (!faults.some(line => line.startsWith(nameOf(option)))) {
      faults.push(...new Set(parsed.error.issues.map(({ message }) => `${nameOf(option)} ${message}`)))
    }
  }
  return result
}

const names = new Map(Object.entries(variables).map(([name, option]) => [option as string, name]))

/** The variable of an option that has one. */
function nameOf (option: string): string {
  return names.get(option) as string
}
