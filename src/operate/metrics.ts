import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Socket } from 'node:net'
import { isSafeMethod } from '../admission/origin.js'
import { assetOutcomes, clientLeft, handshakeKinds, loginSteps, policyRules, refreshOutcomes, refusalSources, revocationOutcomes, warmUses, type Signals } from '../signals.js'
import { nameOf } from '../tenants/tenant.js'
import { version } from '../version.js'

/** The metrics of a gateway and of its process, for Prometheus. */
export interface Metrics {
  /** The content type of the text. */
  readonly contentType: string
  /** All metrics in Prometheus's text format. */
  text: () => Promise<string>
}

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
// A browser drops a cookie of more than 4,096 bytes; four of 3,900 are the most that a session takes.
const cookieBytes = [512, 1_024, 2_048, 3_072, 3_900, 7_800, 11_700, 15_600]
const closeCodes = new Set([1000, 1001, 1005, 1006, 1009, 1011, 1012, 4001, 4002, 4003, 4004, 4005, 4006, 4007])

/** Counts what a gateway tells, for each of several tenants by its name. Its metrics are in a registry of their own, where those of a host application or of another gateway never meet them. */
export function createMetrics (signals: Signals): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  const requests = new Histogram({ name: 'qlik_gateway_request_duration_seconds', help: 'Requests by the time until their answer was complete', labelNames: ['tenant', 'route', 'method', 'status'], buckets: seconds, registers })
  const refusals = new Counter({ name: 'qlik_gateway_refusals_total', help: 'Answers with an error of the gateway, by its code and route; those of /login/callback are failed logins', labelNames: ['tenant', 'code', 'route'], registers })
  const denials = new Counter({ name: 'qlik_gateway_policy_denials_total', help: 'What the policy refused, by its rule', labelNames: ['tenant', 'rule'], registers })
  const received = new Counter({ name: 'qlik_gateway_received_bytes_total', help: 'Bytes received from clients over HTTP, headers included', labelNames: ['tenant'], registers })
  const sent = new Counter({ name: 'qlik_gateway_sent_bytes_total', help: 'Bytes sent to clients over HTTP, headers included', labelNames: ['tenant'], registers })
  const cookieHeader = new Histogram({ name: 'qlik_gateway_request_cookie_bytes', help: 'Bytes of the Cookie header of requests, other cookies included', buckets: cookieBytes, registers })
  const tenant = new Histogram({ name: 'qlik_gateway_tenant_duration_seconds', help: 'Calls of the tenant by the time until its answer began', labelNames: ['tenant', 'call', 'status'], buckets: seconds, registers })
  const refreshes = new Counter({ name: 'qlik_gateway_refreshes_total', help: 'Requests that needed other tokens than their cookie brought, by how they were served', labelNames: ['tenant', 'outcome'], registers })
  const tokenRefusals = new Counter({ name: 'qlik_gateway_token_refusals_total', help: 'Calls of the token and revocation endpoints that were refused, by whose word it was', labelNames: ['tenant', 'by'], registers })
  const logins = new Counter({ name: 'qlik_gateway_logins_total', help: 'Logins by how far they came', labelNames: ['tenant', 'step'], registers })
  const revocations = new Counter({ name: 'qlik_gateway_revocations_total', help: 'Attempts to give a refresh token back to the tenant', labelNames: ['tenant', 'outcome'], registers })
  const cookies = new Histogram({ name: 'qlik_gateway_cookie_bytes', help: 'Bytes of the cookies that were set, all parts of one together', labelNames: ['tenant', 'cookie'], buckets: cookieBytes, registers })
  const sockets = new Gauge({ name: 'qlik_gateway_sockets', help: 'WebSockets that are open', labelNames: ['tenant'], registers })
  const socketsClosed = new Counter({ name: 'qlik_gateway_sockets_closed_total', help: 'WebSockets that have ended, by close code and by whom', labelNames: ['tenant', 'by', 'code'], registers })
  const socketSeconds = new Histogram({ name: 'qlik_gateway_socket_duration_seconds', help: 'How long WebSockets were open', buckets: [1, 10, 60, 300, 900, 3_600, 14_400, 86_400], labelNames: ['tenant'], registers })
  const socketBytes = new Counter({ name: 'qlik_gateway_socket_bytes_total', help: 'Bytes of WebSockets, counted when they close', labelNames: ['tenant', 'direction'], registers })
  const warm = new Gauge({ name: 'qlik_gateway_warm_connections', help: 'Connections to the tenant that stand ready and have carried nothing, by what they are for', labelNames: ['tenant', 'use'], registers })
  const connections = new Counter({ name: 'qlik_gateway_tenant_connections_total', help: 'Connections to the tenant that were opened, by how TLS began', labelNames: ['tenant', 'tls'], registers })
  const assets = new Counter({ name: 'qlik_gateway_assets_total', help: 'Requests without a session whose answer may be shared, by whether it was at hand', labelNames: ['tenant', 'outcome'], registers })
  const redisUp = new Gauge({ name: 'qlik_gateway_redis_up', help: '1 while Redis answers in time; absent without REDIS_URL', registers: [] })
  const redisErrors = new Counter({ name: 'qlik_gateway_redis_errors_total', help: 'Commands and connections of Redis that failed', registers })
  const keys = new Gauge({ name: 'qlik_gateway_session_keys', help: 'Session keys in use', labelNames: ['tenant'], registers })
  const draining = new Gauge({ name: 'qlik_gateway_draining', help: '1 once the gateway drains', registers })

  const build = new Gauge({ name: 'qlik_gateway_build_info', help: '1, with the version of the gateway and of Node as labels', labelNames: ['version', 'node'], registers })
  const linesDropped = new Counter({ name: 'qlik_gateway_log_lines_dropped_total', help: 'Lines of the log that nobody read and that were dropped', registers })
  const failures = new Counter({ name: 'qlik_gateway_failures_total', help: 'Faults of the gateway itself or of its host application: listeners of signals that raised something, and exceptions that nothing caught', labelNames: ['where'], registers })

  build.set({ version, node: process.version }, 1)
  // Told from the start: an alert that compares failures with successes is silent where there is no number to compare with.
  function beginAtZero (tenant?: string): void {
    const label = of(tenant)
    sockets.inc(label, 0)
    for (const outcome of refreshOutcomes) refreshes.inc({ ...label, outcome }, 0)
    for (const by of refusalSources) tokenRefusals.inc({ ...label, by }, 0)
    for (const step of loginSteps) logins.inc({ ...label, step }, 0)
    for (const outcome of revocationOutcomes) revocations.inc({ ...label, outcome }, 0)
    for (const tls of handshakeKinds) connections.inc({ ...label, tls }, 0)
    for (const outcome of assetOutcomes) assets.inc({ ...label, outcome }, 0)
    for (const use of warmUses) warm.inc({ ...label, use }, 0)
    for (const rule of policyRules) denials.inc({ ...label, rule }, 0)
  }
  beginAtZero()
  for (const where of ['listener', 'process']) failures.inc({ where }, 0)
  signals.on('tenantServed', beginAtZero)

  // What a connection had carried when it was last counted: its own counters go on through all of its requests.
  const counted = new WeakMap<object, { read: number, written: number }>()

  function countBytes (connection: Socket, label: { tenant?: string }): void {
    const { bytesRead = 0, bytesWritten = 0 } = connection as Partial<Socket>
    const before = counted.get(connection) ?? { read: 0, written: 0 }
    received.inc(label, bytesRead - before.read)
    sent.inc(label, bytesWritten - before.written)
    counted.set(connection, { read: bytesRead, written: bytesWritten })
  }

  signals.on('answered', (request, reply, aborted, connection) => {
    const label = of(nameOf(request))
    requests.observe({ ...label, route: request.routeFamily, method: isSafeMethod(request.method) ? 'read' : 'write', status: aborted ? 'aborted' : statusClass(reply.statusCode) }, reply.elapsedTime / 1000)
    cookieHeader.observe(request.raw.headers.cookie?.length ?? 0)
    countBytes(connection, label)
  })
  signals.on('refused', (code, route, tenant) => { refusals.inc({ ...of(tenant), code, route }) })
  signals.on('denied', ({ rule }, tenant) => { denials.inc({ ...of(tenant), rule }) })
  signals.on('tenantAnswered', ({ call }, status, milliseconds, name) => { tenant.observe({ ...of(name), call, status: statusClass(status) }, milliseconds / 1000) })
  signals.on('connected', (tls, tenant) => { connections.inc({ ...of(tenant), tls }) })
  signals.on('assetAsked', (outcome, tenant) => { assets.inc({ ...of(tenant), outcome }) })
  signals.on('warmed', (use, by, tenant) => { warm.inc({ ...of(tenant), use }, by) })
  signals.on('refreshed', (outcome, tenant) => { refreshes.inc({ ...of(tenant), outcome }) })
  signals.on('tokenRefused', (by, _failure, tenant) => { tokenRefusals.inc({ ...of(tenant), by }) })
  signals.on('login', (step, tenant) => { logins.inc({ ...of(tenant), step }) })
  signals.on('revoked', (outcome, tenant) => { revocations.inc({ ...of(tenant), outcome }) })
  signals.on('cookieSet', (cookie, bytes, tenant) => { cookies.observe({ ...of(tenant), cookie }, bytes) })
  signals.on('socketOpened', (_traceId, tenant) => { sockets.inc(of(tenant)) })
  signals.on('socketClosed', ({ by, code, milliseconds, bytesFromClient, bytesToClient }, tenant) => {
    const label = of(tenant)
    sockets.dec(label)
    // Both ends may choose any code: only those that are known become a label.
    socketsClosed.inc({ ...label, by, code: closeCodes.has(code) ? String(code) : 'other' })
    socketSeconds.observe(label, milliseconds / 1000)
    socketBytes.inc({ ...label, direction: 'received' }, bytesFromClient)
    socketBytes.inc({ ...label, direction: 'sent' }, bytesToClient)
  })
  signals.on('redisChanged', state => {
    registry.registerMetric(redisUp)
    redisUp.set(state === 'here' ? 1 : 0)
  })
  signals.on('redisFailed', () => { redisErrors.inc() })
  signals.on('logDropped', lines => { linesDropped.inc(lines) })
  signals.on('keysLoaded', (count, tenant) => { keys.set(of(tenant), count) })
  signals.on('draining', () => { draining.set(1) })
  signals.on('listenerFailed', () => { failures.inc({ where: 'listener' }) })
  signals.on('crashed', () => { failures.inc({ where: 'process' }) })

  return {
    contentType: registry.contentType,
    text: async () => await registry.metrics()
  }
}

/** The label of a tenant; none where there is but one. */
function of (tenant: string | undefined): { tenant?: string } {
  return tenant === undefined ? {} : { tenant }
}

function statusClass (status: number): string {
  if (status === clientLeft) return 'left'
  return status === 0 ? 'none' : `${Math.floor(status / 100)}xx`
}
