import { randomBytes } from 'node:crypto'
import t from 'tap'
import { checkOptions, ConfigError, readConfig, variables, type Config } from '../../src/settings/config.js'
import { parseRedisUrl } from '../../src/replicas/redis-servers.js'
import type { GatewayOptions } from '../../src/settings/gateway-options.js'

const key = () => randomBytes(32).toString('base64')

const enough: NodeJS.ProcessEnv = {
  QLIK_TENANT_URL: 'https://tenant.example.com',
  QLIK_CLIENT_ID: 'client',
  QLIK_CLIENT_SECRET: 'hush-hush'
}

const inProduction: NodeJS.ProcessEnv = { ...enough, NODE_ENV: 'production', PUBLIC_URL: 'https://app.example.com', SESSION_KEYS: key() }

function read (env: NodeJS.ProcessEnv): Config {
  return readConfig({ ...enough, ...env })
}

function faultsOf (env: NodeJS.ProcessEnv): string[] {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  return []
}

t.test('the tenant and the client suffice for a start on this machine, with a warning that sessions end with the process', async t => {
  const { gateway, server, warnings } = readConfig(enough)
  t.match(gateway, {
    clientId: 'client',
    clientSecret: 'hush-hush',
    scopes: ['user_default', 'offline_access'],
    issuer: undefined,
    sessionIdleSeconds: 86_400,
    sessionMaxSeconds: 604_800,
    embedOrigins: [],
    cookieMode: 'same-site',
    forwardPublic: ['/qlik-embed', '/resources', '/assets'],
    forwardPrivate: ['/api', '/single', '/sense'],
    publicFolder: undefined
  })
  t.equal(gateway.tenantUrl.href, 'https://tenant.example.com/')
  t.equal(gateway.publicUrl.href, 'http://localhost:3000/')
  t.equal(gateway.now, Date.now)
  const untraced = {
    otlpEndpoint: undefined,
    otlpTracesEndpoint: undefined,
    otlpHeaders: {},
    serviceName: 'qlik-embed-gateway',
    traceSample: 1,
    traceContextToTenant: false
  }
  t.same(server, {
    host: '127.0.0.1',
    port: 3000,
    adminHost: '127.0.0.1',
    adminPort: undefined,
    trustedProxies: [],
    unixSocketMode: '660',
    keepAliveSeconds: 620,
    shutdownGraceSeconds: 10,
    shutdownNoticeSeconds: undefined,
    maxHeaderBytes: 32_768,
    logFormat: 'json',
    logLevel: 'info',
    ...untraced
  })
  t.same(gateway.sessionKeys.map(({ length }) => length), [32])
  t.notSame(gateway.sessionKeys, readConfig(enough).gateway.sessionKeys, 'the key is random')
  t.match(warnings, [/^SESSION_KEYS is not set/])
})

t.test('the public URL follows the port unless it is set', async t => {
  t.equal(read({ PORT: '8123' }).gateway.publicUrl.href, 'http://localhost:8123/')
  t.equal(read({ PORT: '8123', PUBLIC_URL: 'https://app.example.com' }).gateway.publicUrl.href, 'https://app.example.com/')
  t.same(faultsOf({ ...enough, PORT: 'http' }), ['PORT is not a port number from 0 to 65535'], 'a wrong port is no fault of the public URL')
})

t.test('a Unix socket tells nothing of the public URL, which is then required', async t => {
  t.match(faultsOf({ ...enough, UNIX_SOCKET: '/run/gateway/http.sock' }), [
    'PUBLIC_URL is required with UNIX_SOCKET: set it to the URL by which browsers call the gateway'
  ])
  t.same(faultsOf({ ...enough, UNIX_SOCKET: '/run/gateway/http.sock', PUBLIC_URL: 'https://app.example.com' }), [])
})

t.test('production demands a public URL and session keys, and warns of nothing when it has them', async t => {
  const { PUBLIC_URL, SESSION_KEYS, ...without } = inProduction
  t.match(faultsOf(without), [/^PUBLIC_URL is required/, /^SESSION_KEYS is required.*openssl rand -base64 32/])
  t.match(faultsOf({ ...without, SESSION_KEYS }), [/^PUBLIC_URL is required/])
  t.match(faultsOf({ ...without, PUBLIC_URL }), [/^SESSION_KEYS is required/])
  t.same(readConfig(inProduction).warnings, [])
})

t.test('every setting reaches its option', async t => {
  const keys = [key(), key()]
  const { gateway, server, warnings } = readConfig({
    QLIK_TENANT_URL: 'http://127.0.0.1:9000/',
    QLIK_CLIENT_ID: 'id',
    QLIK_CLIENT_SECRET: 'secret',
    QLIK_SCOPES: 'user_default  apps',
    QLIK_ISSUER: 'https://issuer.example.com',
    PUBLIC_URL: 'https://app.example.com/qlik/',
    SESSION_KEYS: keys.join(', '),
    SESSION_IDLE_SECONDS: '60',
    SESSION_MAX_SECONDS: '3600',
    REDIS_URL: 'rediss://user:pass@redis.example.com:6380,other.example.com/1',
    REDIS_MODE: 'sentinel',
    REDIS_MASTER: 'gateway',
    HTTPS_PROXY: 'http://user:p%40ss@proxy.example.com:3128',
    HTTP_PROXY: 'proxy.example.com:3128',
    NO_PROXY: 'internal.example, 10.0.0.0/8',
    LOGOUT_TENANT: 'true',
    EMBED_ORIGINS: 'https://Portal.example.com:443,\n https://other.example.com:8443 http://localhost:5173',
    FRAME_ANCESTORS: "'self' https://*.example.com",
    COOKIE_MODE: 'cross-site',
    FORWARD_PUBLIC: '/qlik-embed /qlik-embed',
    FORWARD_PRIVATE: '/api,/single',
    MAX_HEADER_BYTES: '16384',
    MAX_HEADERS: '1',
    MAX_COOKIES: '2',
    MAX_SOCKETS: '3',
    MAX_SOCKETS_PER_SESSION: '4',
    MAX_REQUESTS_PER_SESSION: '5',
    MAX_LOGINS_PER_MINUTE: '6',
    BODY_TIMEOUT_SECONDS: '7',
    MAX_UPSTREAM_CONNECTIONS: '8',
    MAX_UPSTREAM_QUEUE: '0',
    HOST: '::1',
    PORT: '0',
    UNIX_SOCKET: '/run/gateway/http.sock',
    UNIX_SOCKET_MODE: '0600',
    ADMIN_HOST: '::',
    ADMIN_PORT: '9464',
    TRUSTED_PROXIES: '10.0.0.0/8, 192.0.2.7 fd00::/8 ::1',
    KEEP_ALIVE_SECONDS: '90',
    SHUTDOWN_GRACE_SECONDS: '5',
    SHUTDOWN_NOTICE_SECONDS: '0',
    LOG_SAMPLE: '.5',
    LOG_USERS: 'true',
    LOG_FORMAT: 'pretty',
    LOG_LEVEL: 'debug',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/otlp/',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector.example/exactly',
    OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Basic%20a%3D,, x-tenant = 7',
    OTEL_SERVICE_NAME: 'embedding',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
    TRACE_CONTEXT_TO_TENANT: 'true'
  })
  t.equal(gateway.tenantUrl.href, 'http://127.0.0.1:9000/')
  t.equal(gateway.publicUrl.href, 'https://app.example.com/qlik')
  t.same(gateway.sessionKeys.map(one => one.toString('base64')), keys)
  t.match(gateway, {
    clientId: 'id',
    clientSecret: 'secret',
    scopes: ['user_default', 'apps'],
    issuer: 'https://issuer.example.com',
    sessionIdleSeconds: 60,
    sessionMaxSeconds: 3600,
    redisUrl: 'rediss://user:pass@redis.example.com:6380,other.example.com/1',
    redisMode: 'sentinel',
    redisMaster: 'gateway',
    httpsProxy: new URL('http://user:p%40ss@proxy.example.com:3128'),
    httpProxy: new URL('http://proxy.example.com:3128'),
    noProxy: ['internal.example', '10.0.0.0/8'],
    logoutTenant: true,
    logSample: 0.5,
    logUsers: true,
    embedOrigins: ['https://portal.example.com', 'https://other.example.com:8443', 'http://localhost:5173'],
    frameAncestors: ["'self'", 'https://*.example.com'],
    cookieMode: 'cross-site',
    forwardPublic: ['/qlik-embed'],
    forwardPrivate: ['/api', '/single'],
    maxHeaders: 1,
    maxCookies: 2,
    maxSockets: 3,
    maxSocketsPerSession: 4,
    maxRequestsPerSession: 5,
    maxLoginsPerMinute: 6,
    bodyTimeoutSeconds: 7,
    maxUpstreamConnections: 8,
    maxUpstreamQueue: 0
  })
  const traces = {
    otlpEndpoint: new URL('http://collector:4318/otlp/v1/traces'),
    otlpTracesEndpoint: new URL('https://collector.example/exactly'),
    otlpHeaders: { authorization: 'Basic a=', 'x-tenant': '7' },
    serviceName: 'embedding',
    traceSample: 0.25,
    traceContextToTenant: true
  }
  t.same(server, {
    host: '::1',
    port: 0,
    unixSocket: '/run/gateway/http.sock',
    unixSocketMode: '0600',
    adminHost: '::',
    adminPort: 9464,
    trustedProxies: ['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '::1'],
    keepAliveSeconds: 90,
    shutdownGraceSeconds: 5,
    shutdownNoticeSeconds: 0,
    maxHeaderBytes: 16_384,
    logFormat: 'pretty',
    logLevel: 'debug',
    ...traces
  })
  t.same(warnings, [])
})

t.test('a session may be idle for as long as it lasts, and not longer', async t => {
  t.match(faultsOf({ ...enough, SESSION_IDLE_SECONDS: '3601', SESSION_MAX_SECONDS: '3600' }), [
    /^SESSION_IDLE_SECONDS is more than 3600, after which a session ends/
  ])
  t.match(faultsOf({ ...enough, SESSION_IDLE_SECONDS: '604801' }), [/^SESSION_IDLE_SECONDS is more than 604800/])
  t.match(
    faultsOf({ ...enough, SESSION_IDLE_SECONDS: '3601', SESSION_MAX_SECONDS: 'x' }),
    [/^SESSION_MAX_SECONDS is not a number/],
    'a fault of its own is enough'
  )
  t.match(read({ SESSION_IDLE_SECONDS: '3600', SESSION_MAX_SECONDS: '3600' }).gateway, { sessionIdleSeconds: 3600 })
  t.match(read({ SESSION_MAX_SECONDS: '3600' }).gateway, { sessionIdleSeconds: 3600 }, 'the default is no longer than the session')
})

t.test('a variable that is a setting but for a slip is a warning, and others are none', async t => {
  const cases: [name: string, meant: string | undefined][] = [
    ['QLIK_CLIENT_SECERT', 'QLIK_CLIENT_SECRET'],
    ['QLIK_CLIENTID', 'QLIK_CLIENT_ID'],
    ['EMBED_ORIGIN', 'EMBED_ORIGINS'],
    ['SESSION_KEY', 'SESSION_KEYS'],
    ['SESSION_KEYS_FILES', 'SESSION_KEYS_FILE'],
    ['PUBLIC_URI', 'PUBLIC_URL'],
    ['public_url', 'PUBLIC_URL'],
    ['TRUSTED_PROXYS', 'TRUSTED_PROXIES'],
    ['HOSTS', undefined],
    ['PORTAL', undefined],
    ['REDIS_PORT', undefined],
    ['LOG_FILE', undefined],
    ['QLIK_ADMIN_CLIENT_ID', undefined],
    ['NODE_OPTIONS', undefined]
  ]
  for (const [name, meant] of cases) {
    const { warnings } = readConfig({ ...inProduction, [name]: 'x' })
    t.same(warnings, meant === undefined ? [] : [`${name} is no setting: is ${meant} meant?`], name)
  }
  t.same(readConfig({ ...inProduction, SESSION_KEY: '' }).warnings, [], 'an empty variable is not set')
})

t.test('proxies are named in either case', async t => {
  const { gateway } = read({
    https_proxy: 'http://lower.example:1',
    HTTP_PROXY: 'http://upper.example:2',
    http_proxy: 'http://lower.example:3',
    no_proxy: '.example'
  })
  t.match(gateway, { httpsProxy: new URL('http://lower.example:1'), httpProxy: new URL('http://upper.example:2'), noProxy: ['.example'] })
})

t.test('an empty variable is not set', async t => {
  const empty = Object.fromEntries(Object.keys(variables).map(name => [name, '']))
  t.match(faultsOf(empty), [/^QLIK_TENANT_URL is required/, /^QLIK_CLIENT_ID is required/, /^QLIK_CLIENT_SECRET is required/])
  const { gateway, server } = readConfig({ ...empty, ...enough, QLIK_CLIENT_SECRET_FILE: '', SESSION_KEYS_FILE: '' })
  t.equal(gateway.publicUrl.href, 'http://localhost:3000/')
  t.equal(server.logLevel, 'info')
})

t.test('a value can come from a file, whose white space at the ends is none of it', async t => {
  const keys = [key(), key()]
  const folder = t.testdir({ secret: 'from-a-file\n', keys: `${keys.join('\n')}\n`, empty: '\n' })
  const { gateway } = readConfig({
    ...inProduction,
    QLIK_CLIENT_SECRET: '',
    QLIK_CLIENT_SECRET_FILE: `${folder}/secret`,
    SESSION_KEYS: '',
    SESSION_KEYS_FILE: `${folder}/keys`
  })
  t.equal(gateway.clientSecret, 'from-a-file')
  t.same(gateway.sessionKeys.map(one => one.toString('base64')), keys)
  t.match(faultsOf({ ...enough, QLIK_CLIENT_SECRET: '', QLIK_CLIENT_SECRET_FILE: `${folder}/none`, SESSION_KEYS_FILE: folder }), [
    /^QLIK_CLIENT_SECRET_FILE cannot be read \(ENOENT\): name a file/,
    /^SESSION_KEYS_FILE cannot be read \(EISDIR\): name a file/
  ], 'unreadable, which is said once')
  t.match(faultsOf({ ...inProduction, QLIK_CLIENT_SECRET_FILE: `${folder}/secret`, SESSION_KEYS_FILE: `${folder}/keys` }), [
    'QLIK_CLIENT_SECRET and QLIK_CLIENT_SECRET_FILE are both set: keep one of them',
    'SESSION_KEYS and SESSION_KEYS_FILE are both set: keep one of them'
  ])
  const empty = `${folder}/empty`
  t.match(
    faultsOf({ ...enough, QLIK_CLIENT_SECRET: '', QLIK_CLIENT_SECRET_FILE: empty, SESSION_KEYS_FILE: empty }),
    [/^QLIK_CLIENT_SECRET is empty/, /^SESSION_KEYS is required/],
    'an empty file is a fault, not an absent setting'
  )
})

t.test('all faults are told at once, each with the name of its variable', async t => {
  const wrong = {
    QLIK_TENANT_URL: 'tenant.example.com',
    QLIK_CLIENT_ID: 'two words',
    QLIK_CLIENT_SECRET: 'line\nbreak',
    QLIK_SCOPES: ' ',
    QLIK_ISSUER: 'issuer',
    PUBLIC_URL: 'ftp://app.example.com',
    SESSION_KEYS: 'c2hvcnQ=',
    SESSION_IDLE_SECONDS: '1.5',
    SESSION_MAX_SECONDS: '-1',
    EMBED_ORIGINS: '*',
    FRAME_ANCESTORS: '*',
    REDIS_URL: 'http://redis.example.com',
    REDIS_MODE: 'replica',
    REDIS_MASTER: 'two words',
    HTTPS_PROXY: 'socks5://c2hvcnQ@proxy',
    HTTP_PROXY: 'http://',
    LOGOUT_TENANT: 'yes',
    COOKIE_MODE: 'strict',
    FORWARD_PUBLIC: 'assets',
    FORWARD_PRIVATE: '/api/',
    MAX_HEADER_BYTES: '8191',
    MAX_HEADERS: '1001',
    MAX_COOKIES: '0',
    MAX_SOCKETS: 'many',
    MAX_SOCKETS_PER_SESSION: '1.5',
    MAX_REQUESTS_PER_SESSION: '-1',
    MAX_LOGINS_PER_MINUTE: '0',
    BODY_TIMEOUT_SECONDS: '0',
    MAX_UPSTREAM_CONNECTIONS: '0',
    MAX_UPSTREAM_QUEUE: '-1',
    PORT: '65536',
    UNIX_SOCKET: 'http.sock',
    UNIX_SOCKET_MODE: '888',
    TLS_CERT_FILE: '/nowhere/cert.pem',
    TLS_KEY_FILE: '/nowhere/key.pem',
    TRUSTED_PROXIES: 'true',
    SHUTDOWN_GRACE_SECONDS: '0',
    SHUTDOWN_NOTICE_SECONDS: '-1',
    LOG_LEVEL: 'loud',
    LOG_FORMAT: 'xml',
    LOG_USERS: 'yes',
    LOG_SAMPLE: '1.5',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'grpc://collector',
    OTEL_EXPORTER_OTLP_HEADERS: 'c2hvcnQ',
    OTEL_TRACES_SAMPLER_ARG: 'always_on',
    TRACE_CONTEXT_TO_TENANT: '1'
  }
  const faults = faultsOf(wrong)
  t.same(faults.map(line => line.split(' ', 1)[0]).sort(), Object.keys(wrong).sort())
  try {
    readConfig(wrong)
    t.fail('it must not start')
  } catch (error) {
    t.type(error, ConfigError)
    const { message } = error as ConfigError
    t.match(message, /^The settings have 47 faults:\n {2}- /)
    t.notMatch(message, 'line', 'the secret is not told')
    t.notMatch(message, 'c2hvcnQ', 'no key is told')
  }
  t.match(new ConfigError(['PORT is wrong']).message, 'The settings have a fault:\n  - PORT is wrong')
})

const cases: [rule: string, name: string, wrong: string[], fault: RegExp, right: string[]][] = [
  ['the tenant is an https origin, or an http one on a loopback host', 'QLIK_TENANT_URL', [
    'http://tenant.example.com', 'http://localhost.example.com', 'http://127.evil.example'
  ], /^QLIK_TENANT_URL is not https/,
  ['https://tenant.example.com/', 'http://localhost:1', 'http://sandbox.localhost', 'http://127.0.0.2', 'http://[::1]:8080']],
  ['the tenant is an origin without a path', 'QLIK_TENANT_URL', ['https://tenant.example.com/sense'], /^QLIK_TENANT_URL holds a path/, []],
  ['no URL holds credentials', 'QLIK_TENANT_URL', ['https://user@tenant.example.com', 'https://:x@tenant.example.com'],
    /^QLIK_TENANT_URL holds credentials/, []],
  ['no URL holds a query or a fragment', 'PUBLIC_URL',
    ['https://a.example/?x', 'https://a.example/#x', 'https://a.example/?', 'https://a.example/#'],
    /^PUBLIC_URL holds a query or a fragment/, []],
  ['a public URL may have a plain path', 'PUBLIC_URL', [
    'https://a.example//', 'https://a.example/x//y', 'https://a.example/%71lik', 'https://a.example/ü',
    'https://a.example/:id', 'https://a.example/*', 'https://a.example/a;b'
  ],
  /^PUBLIC_URL has a path with empty segments/,
  ['https://a.example/qlik', 'https://a.example/a/b-c_d.e~f/', 'http://127.0.0.1:3000', 'http://[::1]:3000']],
  ['an embed origin names one host', 'EMBED_ORIGINS', [
    'https://*.example.com', '*', 'https://a.example https://*.b.example', 'capacitor://*'
  ],
  /^EMBED_ORIGINS holds a wildcard: list each origin.*FRAME_ANCESTORS/, []],
  ['an app is an embed origin by its scheme and host', 'EMBED_ORIGINS', [
    'capacitor://', 'capacitor://localhost/x', 'javascript://localhost', 'file://localhost', 'data://x',
    'ws://localhost', 'capacitor:localhost', 'capacitor://a@b'
  ],
  /^EMBED_ORIGINS (?:is not|holds)/, ['capacitor://localhost', 'ionic://localhost', 'com.example.app://localhost']],
  ['whoever may frame is an origin, whose host may begin with a wildcard', 'FRAME_ANCESTORS', [
    '*', 'https://*', 'https:', '*.example.com', 'http://portal.example.com', 'https://a.*.example',
    'https://a.example/x', 'https://a.example;script-src', "'unsafe-inline'", 'https://a.example:99999999'
  ],
  /^FRAME_ANCESTORS holds something that names no page/,
  ['https://*.sharepoint.com', 'https://a.example:8443,https://b.example:*', "'self' https://a.example", "'none'",
    'http://localhost:8080', 'capacitor://localhost']],
  ['nobody is nobody', 'FRAME_ANCESTORS', ["'none' https://a.example"], /^FRAME_ANCESTORS holds 'none' beside others/, []],
  ['a range of all addresses is told what it would mean', 'TRUSTED_PROXIES',
    ['0.0.0.0/0', '::/0', '10.0.0.0/0', '10.0.0.0/8 0.0.0.0/0'],
    /^TRUSTED_PROXIES holds a range of all addresses, and everybody would be trusted/, ['10.0.0.0/8']],
  ['an embed origin is a host name', 'EMBED_ORIGINS', ['https://a.example;b', "https://'self'"],
    /^EMBED_ORIGINS holds a host name that is none/, ['https://xn--bcher-kva.example', 'https://bücher.example']],
  ['an embed origin is no path, no null and no star', 'EMBED_ORIGINS',
    ['https://a.example https://b.example/path', 'null', 'https://a.example https://'],
    /^EMBED_ORIGINS (?:holds a path|is not a URL)/, []],
  ['a session key has 32 bytes', 'SESSION_KEYS', [
    randomBytes(31).toString('base64'), randomBytes(33).toString('base64'), randomBytes(32).toString('hex'),
    `${key()} short`
  ],
  /^SESSION_KEYS holds a key of \d+ bytes: each must be 32 bytes/,
  [randomBytes(32).toString('base64url'), `${key()},${key()}\n${key()}`]],
  ['Redis is named by a URL of its own', 'REDIS_URL', ['localhost:6379', 'http://redis', 'redis:', 'redis://'],
    /^REDIS_URL is not the URL of a Redis/,
    ['redis://localhost', 'redis://:word@10.0.0.1:6379/2', 'rediss://redis.example.com']],
  ['yes is true and no is false', 'LOGOUT_TENANT', ['1', 'yes', 'TRUE'], /^LOGOUT_TENANT is neither true nor false/, ['true', 'false']],
  ['times are whole seconds', 'SESSION_MAX_SECONDS', ['0', '1e3', '0x10', ' 5', '99999999999'],
    /^SESSION_MAX_SECONDS is not a number of whole seconds/, ['1', '315360000']],
  ['a grace period ends before timers overflow', 'SHUTDOWN_GRACE_SECONDS', ['86401', 'x'],
    /^SHUTDOWN_GRACE_SECONDS is not a number of whole seconds from 1 to 86400/, ['86400']],
  ['notice of a shutdown is given before its grace period is over', 'SHUTDOWN_NOTICE_SECONDS', ['10', '11'],
    /^SHUTDOWN_NOTICE_SECONDS is not less than SHUTDOWN_GRACE_SECONDS/, ['0', '9']],
  ['a share is a number from 0 to 1', 'LOG_SAMPLE', ['2', '-1', 'half', '50%', '1.'],
    /^LOG_SAMPLE is not a share: use a number from 0 to 1/, ['0', '1', '.25', '0.1']],
  ['a collector is named by http or https, and its credentials by another setting', 'OTEL_EXPORTER_OTLP_ENDPOINT', [
    'collector', 'collector:4318', 'unix:/collector', 'http://user@collector:4318'
  ],
  /^OTEL_EXPORTER_OTLP_ENDPOINT is not the address of a collector/, ['http://collector:4318', 'https://collector.example/path']],
  ['headers for a collector are pairs, and no message repeats them', 'OTEL_EXPORTER_OTLP_HEADERS', [
    'key', '=value', 'a name=value', 'name=%', 'name=a%0Ab'
  ],
  /^OTEL_EXPORTER_OTLP_HEADERS holds something that is not a header: write them as name=value, percent-encoded, separated by commas$/,
  ['name=', 'a=b=c, d=%20', ',']],
  ['the tenant hears of traces only where there are any', 'TRACE_CONTEXT_TO_TENANT', ['true'],
    /^TRACE_CONTEXT_TO_TENANT is true, but nothing is traced/, ['false']],
  ['a limit is a whole number in bounds', 'MAX_HEADERS', ['0', '1001', '1e2'],
    /^MAX_HEADERS is not a whole number from 1 to 1000/, ['1', '1000']],
  ['a Unix socket is a path from the root that systems take', 'UNIX_SOCKET',
    ['http.sock', './http.sock', `/${'x'.repeat(103)}`], /^UNIX_SOCKET is not the path of a socket: write it from the root/, []],
  ['a mode is written as chmod takes it', 'UNIX_SOCKET_MODE', ['rw', '66', '4755', '0o660', '999'],
    /^UNIX_SOCKET_MODE is not a mode: write it in octal digits, as 660/, ['660', '0600']],
  ['a port is a port', 'PORT', ['-1', '3000.0', 'pipe'], /^PORT is not a port number/, ['0', '65535']],
  // CVE-2026-92395: Fastify takes `true` and counts of hops too, and an IPv4-mapped range for all of IPv4.
  ['a forwarded prefix is a plain path', 'FORWARD_PRIVATE',
    ['/', '//api', '/api/*', '/api/:id', '/%61pi', '/a/../b', '/..', '/a b/', 'api'],
    /^FORWARD_PRIVATE holds something that is not a path prefix/, ['/api/v1', '/a.b/c~d']],
  ['a prefix that the gateway keeps for itself is not forwarded', 'FORWARD_PRIVATE', [
    '/app', '/app/x', '/gateway', '/login', '/login/callback', '/logout', '/oauth', '/oauth/token', '/.well-known',
    '/healthz', '/readyz'
  ],
  /^FORWARD_PRIVATE holds \/\S+, which the gateway keeps for itself/, ['/apps', '/gateways', '/loginx']],
  ['the same holds for the public ones', 'FORWARD_PUBLIC', ['/assets /oauth/authorize'],
    /^FORWARD_PUBLIC holds \/oauth\/authorize, which/, []],
  ['no prefix is public and private', 'FORWARD_PUBLIC', ['/api', '/api/v1', '/assets /sense/client'],
    /^FORWARD_PUBLIC holds \/\S+, which overlaps with a private prefix/, ['/apis']]
]

for (const [rule, name, wrong, fault, right] of cases) {
  t.test(rule, async t => {
    for (const value of wrong) t.match(faultsOf({ ...enough, [name]: value }), [fault], `${name}=${value}`)
    for (const value of right) t.same(faultsOf({ ...enough, [name]: value }), [], `${name}=${value}`)
  })
}

t.test('a private prefix that lies above a public one overlaps too', async t => {
  t.match(faultsOf({ ...enough, FORWARD_PUBLIC: '/content/open', FORWARD_PRIVATE: '/content' }), [
    /^FORWARD_PUBLIC holds \/content\/open, which overlaps/
  ])
})

t.test('where Redis is, and what stands there, must belong together', async t => {
  const cases: [settings: NodeJS.ProcessEnv, fault: RegExp | undefined][] = [
    [{ REDIS_URL: 'redis://a,b:1' }, /^REDIS_URL names several hosts, of which a single Redis has one/],
    [{ REDIS_URL: 'redis://a,b', REDIS_MODE: 'sentinel' }, /^REDIS_MASTER is required where REDIS_MODE is sentinel/],
    [{ REDIS_URL: 'redis://a', REDIS_MASTER: 'm' }, /^REDIS_MASTER is for sentinels alone: set REDIS_MODE/],
    [{ REDIS_MODE: 'cluster' }, /^REDIS_URL is required where REDIS_MODE is cluster/],
    [{ REDIS_URL: 'redis://a/1', REDIS_MODE: 'cluster' }, /^REDIS_URL names a database, of which a cluster has only 0/],
    [{ REDIS_URL: 'redis://a,b/0', REDIS_MODE: 'cluster' }, undefined],
    [{ REDIS_URL: 'redis://a,b', REDIS_MODE: 'sentinel', REDIS_MASTER: 'm' }, undefined]
  ]
  for (const [settings, fault] of cases) {
    t.match(faultsOf({ ...enough, ...settings }), fault === undefined ? [] : [fault], JSON.stringify(settings))
  }
})

t.test('the address of Redis is read whole', async t => {
  t.same(parseRedisUrl('rediss://us%40er:p%2Fw@a.example:1,[::1],b_c/2', 'sentinel', 'm'), {
    mode: 'sentinel',
    master: 'm',
    tls: true,
    nodes: [
      { host: 'a.example', port: 1 },
      { host: '::1', port: 26_379 },
      { host: 'b_c', port: 26_379 }
    ],
    username: 'us@er',
    password: 'p/w',
    database: 2
  })
  t.same(parseRedisUrl('redis://:pw@a'), {
    mode: 'single',
    master: undefined,
    tls: false,
    nodes: [{ host: 'a', port: 6_379 }],
    password: 'pw'
  })
  for (const text of ['redis://', 'redis://a:x', 'redis://a/b', 'redis://a,', 'redis://a?x', 'redis://u:p@', 'redis://%@a', 'http://a']) {
    t.equal(parseRedisUrl(text), undefined, text)
  }
})

t.test('cross-site cookies need https and the origins of the embedding pages', async t => {
  const crossSite = { ...enough, COOKIE_MODE: 'cross-site' }
  t.match(faultsOf(crossSite), [
    /^COOKIE_MODE is cross-site, which needs https/,
    /^EMBED_ORIGINS is empty, but the cookie mode is cross-site/
  ])
  t.match(faultsOf({ ...crossSite, EMBED_ORIGINS: 'https://a.example' }), [/^COOKIE_MODE/])
  t.match(faultsOf({ ...crossSite, PUBLIC_URL: 'https://b.example' }), [/^EMBED_ORIGINS/])
  t.match(
    faultsOf({ ...crossSite, PUBLIC_URL: 'https://b.example', EMBED_ORIGINS: 'nonsense' }),
    [/^EMBED_ORIGINS is not a URL/],
    'a fault of its own is enough'
  )
  t.same(faultsOf({ ...crossSite, PUBLIC_URL: 'https://b.example', EMBED_ORIGINS: 'https://a.example' }), [])
  t.same(faultsOf({ ...enough, EMBED_ORIGINS: 'https://a.example' }), [], 'the same site may have several origins')
})

t.test('a program\'s options are judged by the same rules under their own names', async t => {
  const options: GatewayOptions = {
    tenantUrl: new URL('https://tenant.example.com'),
    clientId: 'id',
    clientSecret: 'secret',
    publicUrl: 'https://app.example.com',
    sessionKeys: randomBytes(32)
  }
  const now = () => 5
  const more = { ...options, now, publicFolder: '/srv', sessionIdleSeconds: 5 }
  t.match(checkOptions(more), { now, publicFolder: '/srv', sessionIdleSeconds: 5, forwardPrivate: ['/api', '/single', '/sense'] })
  t.match(checkOptions({ ...options, sessionMaxSeconds: 5 }), { sessionIdleSeconds: 5 })
  t.equal(checkOptions({ ...options, sessionKeys: [randomBytes(32), key()] }).sessionKeys.length, 2)
  const wrong: [changes: object, fault: RegExp[]][] = [
    [{ tenantUrl: undefined, clientId: 7 }, [/^tenantUrl is required/, /^clientId is required/]],
    [{ sessionKeys: undefined }, [/^sessionKeys is required/]],
    [{ sessionKeys: [] }, [/^sessionKeys is required/]],
    [{ sessionKeys: [randomBytes(16)] }, [/^sessionKeys\.0 holds a key of 16 bytes/]],
    [{ embedOrigins: 7 }, [/^embedOrigins is not a list/]],
    [{ embedOrigins: ['https://a.example', 'https://b.example/x'] }, [/^embedOrigins\.1 holds a path/]],
    [{ sessionMaxSeconds: 0.5 }, [/^sessionMaxSeconds is not a number of whole seconds/]],
    [{ cookieMode: 'cross-site' }, [/^embedOrigins is empty/]],
    [{ embedOrigin: 'https://a.example', prefix: '/x' },
      [/^embedOrigin is not an option: is embedOrigins meant\?$/, /^prefix is not an option: the routes are mounted/]],
    [{ fun: 1 }, [/^fun is not an option: correct/]],
    [{ now: 0 }, [/^now is not a function/]],
    [{ sessionIdleSeconds: 6, sessionMaxSeconds: 5 }, [/^sessionIdleSeconds is more than 5/]],
    [{ clientSecret: undefined }, [/^clientSecret is required: .* clientSecretFile/]],
    [{ callbackUrl: 'https://login.example.com/login/callback' }, [/^callbackUrl is for several tenants/]]
  ]
  for (const [changes, faults] of wrong) {
    t.throws(() => checkOptions({ ...options, ...changes }), { name: 'ConfigError', faults }, Object.keys(changes).join())
  }
})
