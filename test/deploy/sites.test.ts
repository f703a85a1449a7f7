import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { readSettings } from './settings.js'

interface Service {
  environment?: Record<string, string>
  secrets?: string[]
  volumes?: string[]
  read_only?: boolean
  cap_drop?: string[]
  stop_grace_period?: string
  image: string
}
interface Compose {
  services: Record<string, Service>
  secrets: Record<string, unknown>
  networks: { default: { ipam: { config: { subnet: string }[] } } }
}

const read = (file: string) => readFileSync(`deploy/${file}`, 'utf8')
const compose = parse(read('compose/compose.yaml')) as Compose

t.test('the gateway takes the settings of the composed services, and believes their proxy alone', t => {
  const environment = Object.fromEntries(Object.entries(compose.services.gateway?.environment ?? {})
    .map(([name, value]) => [
      name,
      value
        .replace(/\$\{\w+:-(.*)\}/, '$1')
        .replace(/\$\{QLIK_TENANT_URL:.*\}/, 'https://tenant.example')
        .replace(/\$\{\w+:\?.*\}/, 'given')
    ]))
  t.equal(readSettings(t, environment).publicUrl.href, 'http://localhost:8080/')
  t.equal(environment.TRUSTED_PROXIES, compose.networks.default.ipam.config[0]?.subnet)
  t.match(read('compose/site/index.html'), 'data-host="http://localhost:8080"')
  t.ok(parseInt(compose.services.gateway?.stop_grace_period ?? '') > Number(environment.SHUTDOWN_GRACE_SECONDS))
  t.end()
})

t.test('what the composed services mount is there, and the gateway and Redis can write nowhere', t => {
  for (const { volumes = [], secrets = [] } of Object.values(compose.services)) {
    for (const volume of volumes) t.ok(existsSync(join('deploy/compose', volume.split(':')[0] as string)), volume)
    for (const secret of secrets) t.ok(secret in compose.secrets, secret)
  }
  for (const name of ['gateway', 'redis']) t.match(compose.services[name], { read_only: true, cap_drop: ['ALL'] })
  t.end()
})

t.test('every proxy sends the gateway the same paths, which the documentation lists', t => {
  const lists = [
    read('nginx/gateway.conf'),
    read('traefik/dynamic.yaml'),
    read('envoy/envoy.yaml'),
    read('haproxy/haproxy.cfg'),
    read('caddy/Caddyfile')
  ].map(text => /\((?:\?:)?(api\|[a-z|-]+)\)/.exec(text)?.[1]?.split('|'))
  const documented = [
    ...(/sends these paths to the gateway[^]*?:([^]*?)\./.exec(readFileSync('docs/embedding.md', 'utf8'))?.[1] ?? '').matchAll(
      /`\/([a-z-]+)`/g
    )
  ].map(([, name]) => name)
  t.ok(documented.length > 8)
  for (const list of lists) t.same(list, documented)
  t.end()
})

t.test('every proxy closes idle connections long before the gateway does, keeps idle sockets for an hour, and the ' +
  'documentation says so', t => {
  const page = readFileSync('docs/deployment.md', 'utf8').split('\n')
  for (const [file, kept, sockets] of [
    ['nginx/site.conf', /keepalive_timeout (60s);/, /include gateway.conf;/],
    ['haproxy/haproxy.cfg', /pool-purge-delay (5s)\n/, /timeout tunnel 1h\n/],
    ['caddy/Caddyfile', /\bkeepalive (60s)\n/, undefined],
    ['envoy/envoy.yaml', /\bidle_timeout: (60s)/, /stream_idle_timeout: 3600s\n/]
  ] as const) {
    const time = kept.exec(read(file))?.[1]?.replace('s', ' s')
    const row = page.find(line => line.startsWith('| ') && line.includes(`(../deploy/${file}): `)) ?? ''
    t.ok(time !== undefined && row.includes(`(../deploy/${file}): ${time}`), file)
    if (sockets === undefined) continue
    t.match(read(file), sockets, file)
    t.match(row, /: \d+ s(,| and) 1 h/, file)
  }
  t.match(read('nginx/gateway.conf'), /proxy_read_timeout 1h;/)
  t.end()
})

t.test('the other proxies stream, and let sockets and uploads live', t => {
  const { http } = parse(read('traefik/dynamic.yaml')) as {
    http: {
      services: Record<string, { loadBalancer: { responseForwarding: { flushInterval: string } } }>
      routers: Record<string, { service: string }>
    }
  }
  t.equal(http.services['qlik-gateway']?.loadBalancer.responseForwarding.flushInterval, '-1ms')
  for (const { service } of Object.values(http.routers)) t.ok(service in http.services)
  const envoy = read('envoy/envoy.yaml')
  t.doesNotThrow(() => parse(envoy) as unknown)
  t.match(envoy, /upgrade_type: websocket[^]*stream_idle_timeout: 3600s[^]*cluster: qlik-gateway\n.*\n +timeout: 0s/)
  t.end()
})
