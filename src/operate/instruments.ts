import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const socketLives = [1, 10, 60, 300, 900, 3_600, 14_400, 86_400]
// A browser ignores a cookie of more than 4,096 bytes. A session takes up to four cookies of 3,900 bytes.
const cookieBytes = [512, 1_024, 2_048, 3_072, 3_900, 7_800, 11_700, 15_600]

/** Creates all metrics of a gateway in a registry. */
export function createInstruments (registry: Registry) {
  const registers = [registry]
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name, help, labelNames, registers })
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Gauge({ name, help, labelNames, registers })
  const histogram = <Label extends string>(name: string, help: string, buckets: number[], labelNames: Label[] = []) =>
    new Histogram({ name, help, buckets, labelNames, registers })
  return {
    requests: histogram(
      'qlik_gateway_request_duration_seconds',
      'Requests by the time until their answer was complete',
      seconds,
      ['tenant', 'route', 'method', 'status']
    ),
    refusals: counter(
      'qlik_gateway_refusals_total',
      'Answers with an error of the gateway, by its code and route; those of /login/callback are failed logins',
      ['tenant', 'code', 'route']
    ),
    denials: counter('qlik_gateway_policy_denials_total', 'What the policy refused, by its rule', ['tenant', 'rule']),
    received: counter(
      'qlik_gateway_received_bytes_total',
      'Bytes received from clients over HTTP, headers included',
      ['tenant']
    ),
    sent: counter('qlik_gateway_sent_bytes_total', 'Bytes sent to clients over HTTP, headers included', ['tenant']),
    cookieHeader: histogram(
      'qlik_gateway_request_cookie_bytes',
      'Bytes of the Cookie header of requests, other cookies included',
      cookieBytes
    ),
    tenant: histogram(
      'qlik_gateway_tenant_duration_seconds',
      'Calls of the tenant by the time until its answer began',
      seconds,
      ['tenant', 'call', 'status']
    ),
    refreshes: counter(
      'qlik_gateway_refreshes_total',
      'Requests that needed other tokens than their cookie brought, by how they were served',
      ['tenant', 'outcome']
    ),
    tokenRefusals: counter(
      'qlik_gateway_token_refusals_total',
      'Calls of the token and revocation endpoints that were refused, by whose word it was',
      ['tenant', 'by']
    ),
    logins: counter('qlik_gateway_logins_total', 'Logins by how far they came', ['tenant', 'step']),
    revocations: counter(
      'qlik_gateway_revocations_total',
      'Attempts to give a refresh token back to the tenant',
      ['tenant', 'outcome']
    ),
    cookies: histogram(
      'qlik_gateway_cookie_bytes',
      'Bytes of the cookies that were set, all parts of one together',
      cookieBytes,
      ['tenant', 'cookie']
    ),
    sockets: gauge('qlik_gateway_sockets', 'WebSockets that are open', ['tenant']),
    socketsClosed: counter(
      'qlik_gateway_sockets_closed_total',
      'WebSockets that have ended, by close code and by whom',
      ['tenant', 'by', 'code']
    ),
    socketSeconds: histogram('qlik_gateway_socket_duration_seconds', 'How long WebSockets were open', socketLives, ['tenant']),
    socketBytes: counter(
      'qlik_gateway_socket_bytes_total',
      'Bytes of WebSockets, counted when they close',
      ['tenant', 'direction']
    ),
    warm: gauge(
      'qlik_gateway_warm_connections',
      'Connections to the tenant that stand ready and have carried nothing, by what they are for',
      ['tenant', 'use']
    ),
    connections: counter(
      'qlik_gateway_tenant_connections_total',
      'Connections to the tenant that were opened, by how TLS began',
      ['tenant', 'tls']
    ),
    assets: counter(
      'qlik_gateway_assets_total',
      'Requests without a session whose answer may be shared, by whether it was at hand',
      ['tenant', 'outcome']
    ),
    // Registered only when Redis is used.
    redisUp: new Gauge({
      name: 'qlik_gateway_redis_up',
      help: '1 while Redis answers in time; absent without REDIS_URL',
      registers: []
    }),
    redisErrors: counter('qlik_gateway_redis_errors_total', 'Commands and connections of Redis that failed'),
    keys: gauge('qlik_gateway_session_keys', 'Session keys in use', ['tenant']),
    draining: gauge('qlik_gateway_draining', '1 once the gateway drains'),
    build: gauge('qlik_gateway_build_info', '1, with the version of the gateway and of Node as labels', ['version', 'node']),
    linesDropped: counter('qlik_gateway_log_lines_dropped_total', 'Lines of the log that nobody read and that were dropped'),
    failures: counter(
      'qlik_gateway_failures_total',
      'Faults of the gateway itself or of its host application: listeners of signals that raised something, ' +
        'and exceptions that nothing caught',
      ['where']
    )
  }
}
