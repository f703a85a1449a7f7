import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Socket } from 'node:net'
import { isSafeMethod } from '../admission/origin.js'
import { knownCloseCodes } from '../forward/close-codes.js'
import {
  assetOutcomes, clientLeft, handshakeKinds, loginSteps, policyRules, refreshOutcomes, refusalSources, revocationOutcomes, warmUses,
  type Signals
} from '../signals.js'
import { nameOf } from '../tenants/tenant.js'
import { version } from '../version.js'
import { createInstruments } from './instruments.js'

/** The metrics of a gateway and of its process, for Prometheus. */
export interface Metrics {
  /** The content type of the text. */
  readonly contentType: string
  /** All metrics in Prometheus's text format. */
  text: () => Promise<string>
}

/**
 * Counts the signals of a gateway, with the tenant's name as a label if there are several. The metrics have a registry
 * of their own, apart from those of the host application and of other gateways.
 */
export function createMetrics (signals: Signals): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const {
    requests, refusals, denials, received, sent, cookieHeader, tenant, refreshes, tokenRefusals, logins, revocations, cookies,
    sockets, socketsClosed, socketSeconds, socketBytes, warm, connections, assets, redisUp, redisErrors, keys, draining, build,
    linesDropped, failures
  } = createInstruments(registry)

  build.set({ version, node: process.version }, 1)
  // Zero from the start. An alert that compares failures with successes stays silent if one of the two is absent.
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

  // The bytes of a connection that have been counted already. Its own counters cover all of its requests.
  const counted = new WeakMap<object, { read: number, written: number }>()

  function countBytes (connection: Socket, label: { tenant?: string }): void {
    const { bytesRead = 0, bytesWritten = 0 } = connection as Partial<Socket>
    const before = counted.get(connection) ?? { read: 0, written: 0 }
    received.inc(label, bytesRead - before.read)
    sent.inc(label, bytesWritten - before.written)
    counted.set(connection, { read: bytesRead, written: bytesWritten })
  }

  signals.on('answered', (request, reply, aborted) => {
    const label = of(nameOf(request))
    const method = isSafeMethod(request.method) ? 'read' : 'write'
    const status = aborted ? 'aborted' : statusClass(reply.statusCode)
    requests.observe({ ...label, route: request.routeFamily, method, status }, reply.elapsedTime / 1000)
    cookieHeader.observe(request.raw.headers.cookie?.length ?? 0)
    countBytes(request.raw.socket, label)
  })
  signals.on('refused', (code, route, tenant) => { refusals.inc({ ...of(tenant), code, route }) })
  signals.on('denied', ({ rule }, tenant) => { denials.inc({ ...of(tenant), rule }) })
  signals.on('tenantAnswered', ({ call }, status, milliseconds, name) => {
    tenant.observe({ ...of(name), call, status: statusClass(status) }, milliseconds / 1000)
  })
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
    socketsClosed.inc({ ...label, by, code: knownCloseCodes.has(code) ? String(code) : 'other' })
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

/** The label of a tenant; none if there is only one tenant. */
function of (tenant: string | undefined): { tenant?: string } {
  return tenant === undefined ? {} : { tenant }
}

function statusClass (status: number): string {
  if (status === clientLeft) return 'left'
  return status === 0 ? 'none' : `${Math.floor(status / 100)}xx`
}
