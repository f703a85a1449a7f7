import type { GatewayConfig } from './gateway-schema.js'
import type { ServerConfig } from './server-schema.js'

/** The setting that names the file of several tenants. */
export const configFileVariable = 'CONFIG_FILE'

/** The option that each variable sets. The documentation is tested against these names. */
export const variables = {
  QLIK_TENANT_URL: 'tenantUrl',
  QLIK_CLIENT_ID: 'clientId',
  QLIK_CLIENT_SECRET: 'clientSecret',
  QLIK_CLIENT_KEY_FILE: 'clientKeyFile',
  QLIK_CLIENT_KEY_ID: 'clientKeyId',
  QLIK_SCOPES: 'scopes',
  QLIK_ISSUER: 'issuer',
  PUBLIC_URL: 'publicUrl',
  SESSION_KEYS: 'sessionKeys',
  SESSION_IDLE_SECONDS: 'sessionIdleSeconds',
  SESSION_MAX_SECONDS: 'sessionMaxSeconds',
  REDIS_URL: 'redisUrl',
  REDIS_MODE: 'redisMode',
  REDIS_MASTER: 'redisMaster',
  HTTPS_PROXY: 'httpsProxy',
  HTTP_PROXY: 'httpProxy',
  NO_PROXY: 'noProxy',
  LOGOUT_TENANT: 'logoutTenant',
  EMBED_ORIGINS: 'embedOrigins',
  FRAME_ANCESTORS: 'frameAncestors',
  COOKIE_MODE: 'cookieMode',
  COOKIE_NAME: 'cookieName',
  ALLOWED_APPS: 'allowedApps',
  ALLOWED_API: 'allowedApi',
  ALLOWED_USERS: 'allowedUsers',
  ALLOWED_GROUPS: 'allowedGroups',
  READ_ONLY: 'readOnly',
  ENGINE_MODE: 'engineMode',
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
  WARM_CONNECTIONS: 'warmConnections',
  CREDENTIALS: 'credentials',
  IDENTITY_JWT_HEADER: 'identityJwtHeader',
  IDENTITY_JWT_ISSUER: 'identityJwtIssuer',
  IDENTITY_JWT_AUDIENCE: 'identityJwtAudience',
  IDENTITY_JWKS_URL: 'identityJwksUrl',
  IDENTITY_KEYS_FILE: 'identityKeysFile',
  IDENTITY_SUBJECT_CLAIM: 'identitySubjectClaim',
  IDENTITY_GROUPS_CLAIM: 'identityGroupsClaim',
  IDENTITY_LOOKUP: 'identityLookup',
  SIGN_IN_URL: 'signInUrl',
  PROVISION_USERS: 'provisionUsers',
  QLIK_ADMIN_CLIENT_ID: 'adminClientId',
  QLIK_ADMIN_CLIENT_SECRET: 'adminClientSecret',
  QLIK_ADMIN_CLIENT_KEY_FILE: 'adminClientKeyFile',
  QLIK_ADMIN_CLIENT_KEY_ID: 'adminClientKeyId',
  ENGINE_IDENTITY: 'engineIdentity',
  HOST: 'host',
  PORT: 'port',
  UNIX_SOCKET: 'unixSocket',
  UNIX_SOCKET_MODE: 'unixSocketMode',
  TLS_CERT_FILE: 'tlsCertFile',
  TLS_KEY_FILE: 'tlsKeyFile',
  ADMIN_HOST: 'adminHost',
  ADMIN_PORT: 'adminPort',
  TRUSTED_PROXIES: 'trustedProxies',
  KEEP_ALIVE_SECONDS: 'keepAliveSeconds',
  SHUTDOWN_GRACE_SECONDS: 'shutdownGraceSeconds',
  SHUTDOWN_NOTICE_SECONDS: 'shutdownNoticeSeconds',
  LOG_LEVEL: 'logLevel',
  LOG_SAMPLE: 'logSample',
  LOG_USERS: 'logUsers',
  LOG_FORMAT: 'logFormat',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'otlpEndpoint',
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'otlpTracesEndpoint',
  OTEL_EXPORTER_OTLP_HEADERS: 'otlpHeaders',
  OTEL_SERVICE_NAME: 'serviceName',
  OTEL_TRACES_SAMPLER_ARG: 'traceSample',
  TRACE_CONTEXT_TO_TENANT: 'traceContextToTenant'
} as const satisfies Record<string, keyof GatewayConfig | keyof ServerConfig>

/** Settings that other programs read too, some of them in lower case. */
export const lowerCaseToo: readonly string[] = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY']

/** Settings that name a file whose content is the value. */
export const fileVariables = {
  QLIK_CLIENT_SECRET_FILE: 'QLIK_CLIENT_SECRET',
  SESSION_KEYS_FILE: 'SESSION_KEYS',
  QLIK_ADMIN_CLIENT_SECRET_FILE: 'QLIK_ADMIN_CLIENT_SECRET'
} as const

/** Options that are the content of a file, by the variable that names the file. */
export const contentVariables = {
  QLIK_CLIENT_KEY_FILE: 'clientKey',
  IDENTITY_KEYS_FILE: 'identityKeys',
  QLIK_ADMIN_CLIENT_KEY_FILE: 'adminClientKey'
} as const satisfies Record<string, keyof GatewayConfig>
