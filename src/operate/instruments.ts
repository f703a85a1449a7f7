import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const socketLives = [1, 10, 60, 300, 900, 3_600, 14_400, 86_400]
// A browser ignores a cookie of more than 4,096 bytes. A session takes four of 3,900 at the most.
const cookieBytes = [512, 1_024, 2_048, 3_072, 3_900, 7_800, 11_700, 15_600]

/** All metrics of a gateway, in a registry. */
export function createInstruments (registry: Registry) {
  const registers = [registry]
  return {
    requests: new Histogram({
      name: 'qlik_gateway_request_duration_seconds',
      help: 'Requests by the time until their answer was complete',
      labelNames: ['tenant', 'route', 'method', 'status'],
      buckets: seconds,
      registers
    }),
    refusals: new Counter({
      name: 'qlik_gateway_refusals_total',
      help: 'Answers with an error of the gateway, by its code and route; those of /login/callback are failed logins',
      labelNames: ['tenant', 'code', 'route'],
      registers
    }),
    denials: new Counter({
      name: 'qlik_gateway_policy_denials_total',
      help: 'What the policy refused, by its rule',
      labelNames: ['tenant', 'rule'],
      registers
    }),
    received: new Counter({
      name: 'qlik_gateway_received_bytes_total',
      help: 'Bytes received from clients over HTTP, headers included',
      labelNames: ['tenant'],
      registers
    }),
    sent: new Counter({
      name: 'qlik_gateway_sent_bytes_total',
      help: 'Bytes sent to clients over HTTP, headers included',
      labelNames: ['tenant'],
      registers
    }),
    cookieHeader: new Histogram({
      name: 'qlik_gateway_request_cookie_bytes',
      help: 'Bytes of the Cookie header of requests, other cookies included',
      buckets: cookieBytes,
      registers
    }),
    tenant: new Histogram({
      name: 'qlik_gateway_tenant_duration_seconds',
      help: 'Calls of the tenant by the time until its answer began',
      labelNames: ['tenant', 'call', 'status'],
      buckets: seconds,
      registers
    }),
    refreshes: new Counter({
      name: 'qlik_gateway_refreshes_total',
      help: 'Requests that needed other tokens than their cookie brought, by how they were served',
      labelNames: ['tenant', 'outcome'],
      registers
    }),
    tokenRefusals: new Counter({
      name: 'qlik_gateway_token_refusals_total',
      help: 'Calls of the token and revocation endpoints that were refused, by whose word it was',
      labelNames: ['tenant', 'by'],
      registers
    }),
    logins: new Counter({
      name: 'qlik_gateway_logins_total',
      help: 'Logins by how far they came',
      labelNames: ['tenant', 'step'],
      registers
    }),
    revocations: new Counter({
      name: 'qlik_gateway_revocations_total',
      help: 'Attempts to give a refresh token back to the tenant',
      labelNames: ['tenant', 'outcome'],
      registers
    }),
    cookies: new Histogram({
      name: 'qlik_gateway_cookie_bytes',
      help: 'Bytes of the cookies that were set, all parts of one together',
      labelNames: ['tenant', 'cookie'],
      buckets: cookieBytes,
      registers
    }),
    sockets: new Gauge({
      name: 'qlik_gateway_sockets',
      help: 'WebSockets that are open',
      labelNames: ['tenant'],
      registers
    }),
    socketsClosed: new Counter({
      name: 'qlik_gateway_sockets_closed_total',
      help: 'WebSockets that have ended, by close code and by whom',
      labelNames: ['tenant', 'by', 'code'],
      registers
    }),
    socketSeconds: new Histogram({
      name: 'qlik_gateway_socket_duration_seconds',
      help: 'How long WebSockets were open',
      buckets: socketLives,
      labelNames: ['tenant'],
      registers
    }),
    socketBytes: new Counter({
      name: 'qlik_gateway_socket_bytes_total',
      help: 'Bytes of WebSockets, counted when they close',
      labelNames: ['tenant', 'direction'],
      registers
    }),
    warm: new Gauge({
      name: 'qlik_gateway_warm_connections',
      help: 'Connections to the tenant that stand ready and have carried nothing, by what they are for',
      labelNames: ['tenant', 'use'],
      registers
    }),
    connections: new Counter({
      name: 'qlik_gateway_tenant_connections_total',
      help: 'Connections to the tenant that were opened, by how TLS began',
      labelNames: ['tenant', 'tls'],
      registers
    }),
    assets: new Counter({
      name: 'qlik_gateway_assets_total',
      help: 'Requests without a session whose answer may be shared, by whether it was at hand',
      labelNames: ['tenant', 'outcome'],
      registers
    }),
    // Registered once Redis is used.
    redisUp: new Gauge({
      name: 'qlik_gateway_redis_up',
      help: '1 while Redis answers in time; absent without REDIS_URL',
      registers: []
    }),
    redisErrors: new Counter({
      name: 'qlik_gateway_redis_errors_total',
      help: 'Commands and connections of Redis that failed',
      registers
    }),
    keys: new Gauge({
      name: 'qlik_gateway_session_keys',
      help: 'Session keys in use',
      labelNames: ['tenant'],
      registers
    }),
    draining: new Gauge({
      name: 'qlik_gateway_draining',
      help: '1 once the gateway drains',
      registers
    }),
    build: new Gauge({
      name: 'qlik_gateway_build_info',
      help: '1, with the version of the gateway and of Node as labels',
      labelNames: ['version', 'node'],
      registers
    }),
    linesDropped: new Counter({
      name: 'qlik_gateway_log_lines_dropped_total',
      help: 'Lines of the log that nobody read and that were dropped',
      registers
    }),
    failures: new Counter({
      name: 'qlik_gateway_failures_total',
      help: 'Faults of the gateway itself or of its host application: listeners of signals that raised something, ' +
        'and exceptions that nothing caught',
      labelNames: ['where'],
      registers
    })
  }
}
