import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { readConfig } from '../../src/settings/config.js'
import { createServer } from '../../src/serve.js'
import { startSession, type TokenSet } from '../../src/session/record.js'
import { settingsFor } from '../helpers/gateway.js'
import { reservePort } from '../helpers/ports.js'
import { cookieOf, tenantAt } from '../helpers/session-cookie.js'
import { runConnection, wait } from './client.js'
import { isAnswered, judge } from './judge.js'
import { idOf, writtenBody } from './messages.js'
import type { Plan } from './plan.js'
import { startWireTenant, type WireTenant } from './tenant.js'

/** What was seen in a batch of clients that had one gateway: what is wrong, and of which client where that is known. */
export interface Findings {
  faults: { client: number | undefined, fault: string }[]
  /** How many answers came whole from the tenant, from the gateway itself, and how many sockets were opened. */
  answers: number
}

// Few enough to be filled afterwards, and more than the clients of a batch need.
const roomOf = (clients: number) => clients > 1 ? { connections: 120, queue: 60, sockets: 90 } : { connections: 20, queue: 10, sockets: 15 }
type Room = ReturnType<typeof roomOf>

const limitsOf = ({ connections, queue, sockets }: Room) => ({
  MAX_UPSTREAM_CONNECTIONS: String(connections),
  MAX_UPSTREAM_QUEUE: String(queue),
  MAX_SOCKETS: String(sockets),
  MAX_SOCKETS_PER_SESSION: String(sockets),
  MAX_REQUESTS_PER_SESSION: String(connections / 2),
  // All clients have one address, and some sign out.
  MAX_LOGINS_PER_MINUTE: '100000'
})

const tickMs = 100
// Nothing may be left after seven seconds: the longest that the gateway promises is five.
const mostTicks = 70

const minute = 60_000
const grantOf = (plan: Plan, client: number, now: number): TokenSet => ({
  accessToken: `token-${client}`,
  refreshToken: `refresh-${client}`,
  grantedAt: now - 2 * minute,
  endsAt: now + { none: 0, fresh: 60 * minute, due: minute / 2, over: -1 }[plan.session],
  generation: 0
})

/**
 * Runs clients before one gateway and one tenant, so many at the same time, and looks at what they leave behind: of each
 * what it has at the tenant, of all what the gateway counts, and the places that there are.
 */
export async function runBatch (plans: readonly Plan[], atOnce = 100): Promise<Findings> {
  const faults: Findings['faults'] = []
  const note = (fault: string, client?: number) => { faults.push({ client, fault }) }
  const room = roomOf(plans.length)
  const tenant = await startWireTenant()
  const gateway = await startGateway(tenant, room)
  const { app, sockets, gauge } = gateway
  const onException = (error: Error) => { note(`the process would have ended: ${error.stack}`) }
  process.on('uncaughtException', onException)
  // Node warns of listeners that pile up.
  const onWarning = (warning: Error) => { note(`Node warns: ${warning.stack}`) }
  process.on('warning', onWarning)
  let answers = 0

  const endedAt = new Map<number, number>()
  const clock = { tick: 0, isRunning: true }
  const watching = watch()
  const waiting = plans.entries()
  await Promise.all(Array.from({ length: Math.min(atOnce, plans.length) }, async () => {
    for (const [client, plan] of waiting) {
      const seen = await runClient(plan, client, tenant, gateway)
      answers += seen.answers
      for (const fault of seen.faults) note(fault, client)
      endedAt.set(client, clock.tick)
    }
  }))
  clock.isRunning = false
  await watching

  const left = await waitUntilIdle()
  for (const rest of left) note(rest, clientOf(rest))
  if (left.length === 0) for (const fault of await fillPlaces(tenant, gateway.port, room, waitUntilIdle)) note(fault)
  for (const fault of tenant.faults) note(fault, clientOf(fault))
  process.off('uncaughtException', onException)
  process.off('warning', onWarning)
  await tenant.close()
  for (const socket of sockets) socket.destroy()
  await app.close()
  return { faults, answers }

  /** Looks at what clients that are over have left at the tenant, while others run. */
  async function watch (): Promise<void> {
    const isOver = (what: string, forTicks: number) => clock.tick - (endedAt.get(clientOf(what) ?? -1) ?? Infinity) >= forTicks
    while (clock.isRunning) {
      await wait(tickMs)
      if (++clock.tick % 10 !== 0) continue
      tenant.try(what => isOver(what, mostTicks - 20))
      for (const what of tenant.open()) {
        const client = clientOf(what)
        if (client === undefined || !isOver(what, mostTicks)) continue
        note(`a connection to the tenant is left that carries ${what}`, client)
        endedAt.delete(client)
      }
    }
  }

  /** Waits until nothing is left. Returns what is left nevertheless. */
  async function waitUntilIdle (): Promise<string[]> {
    let left = await look()
    for (let ticks = 0; ticks < mostTicks && left.length > 0; ticks++) {
      await wait(tickMs)
      left = await look()
    }
    return left
  }

  async function look (): Promise<string[]> {
    tenant.endIdle()
    tenant.try(() => true)
    const connections = await new Promise<number>(resolve => { app.server.getConnections((_error, count) => { resolve(count) }) })
    const open = Object.entries({ ...gauge, 'connections of clients': connections }).filter(([, count]) => count !== 0)
    return [
      ...tenant.open().map(what => `a connection to the tenant is left that carries ${what}`),
      ...open.map(([name, count]) => `${name}: ${count} left`)
    ]
  }
}

/** Runs one client to its end, and judges what it got. */
async function runClient (plan: Plan, client: number, tenant: WireTenant, { port, origin, isTaken }: Gateway) {
  const now = Date.now()
  const cookie = plan.session === 'none' ? '' : await cookieOf(startSession(grantOf(plan, client, now), now), tenantAt(tenant.origin))
  tenant.renewals.set(`refresh-${client}`, { ...plan.renewal, next: `token-${client}-next` })
  const signsOut = plan.signsOutAfterMs !== undefined && cookie !== ''
  const leaving = signsOut ? signOut(plan.signsOutAfterMs as number, port, cookie) : undefined
  const seen = await Promise.all(plan.connections.map(async (connection, at) => {
    const id = (request: number) => idOf(client, at, request)
    for (const [number, request] of connection.requests.entries()) {
      if (request.kind === 'bad' || request.kind === 'probe') continue
      tenant.parts.set(id(number), {
        script: request.script,
        tokens: [`token-${client}`, `token-${client}-next`],
        asked: 0,
        ...request.kind === 'socket' ? { engine: request.engine } : {},
        ...request.kind === 'write' ? { body: () => writtenBody(id(number), request, tenant.origin) } : {}
      })
    }
    const outcome = await runConnection(connection, {
      port, cookie, origin, idOf: id, isTaken, isEnough: sofar => isAnswered(sofar, connection, signsOut)
    })
    return {
      answers: outcome.received.toString('latin1').split('x-wire-id: ').length - 1,
      faults: judge({ plan, connection, outcome, idOf: id, origins: { gateway: origin, tenant: tenant.origin } })
    }
  }))
  await leaving
  return { answers: seen.reduce((sum, { answers }) => sum + answers, 0), faults: seen.flatMap(({ faults }) => faults) }
}

/** The client whose id a fault names. */
function clientOf (fault: string): number | undefined {
  const number = /\bw(\d+)-/.exec(fault)?.[1]
  return number === undefined ? undefined : Number(number)
}

type Gateway = Awaited<ReturnType<typeof startGateway>>

async function startGateway (tenant: WireTenant, room: Room) {
  const port = await reservePort()
  const config = readConfig(settingsFor(tenant, port, { ...limitsOf(room), ADMIN_PORT: String(await reservePort()) }))
  const app = await createServer(config, { write () {} })
  const { signals } = config.gateway
  const gauge = { sockets: 0, requests: 0, 'calls of the tenant': 0, 'listeners that threw': 0 }
  signals.on('socketOpened', () => {
    gauge.sockets++
    // The request that asked for it is over by that, and no answer.
    gauge.requests--
  }).on('socketClosed', () => { gauge.sockets-- })
  signals.on('received', () => { gauge.requests++ }).on('answered', () => { gauge.requests-- })
  signals.on('tenantAsked', () => { gauge['calls of the tenant']++ }).on('tenantAnswered', () => { gauge['calls of the tenant']-- })
  signals.on('listenerFailed', () => { gauge['listeners that threw']++ })
  const sockets = new Set<Socket>()
  const taken = new Map<number, () => void>()
  app.server.on('connection', (socket: Socket) => {
    // A request whose upgrade was ignored is read as if its connection began with it.
    if (!sockets.has(socket)) sockets.add(socket.once('close', () => { sockets.delete(socket) }))
    taken.get(socket.remotePort as number)?.()
  })
  const isTaken = async (from: number) => {
    if ([...sockets].some(({ remotePort }) => remotePort === from)) return
    await new Promise<void>(resolve => { taken.set(from, resolve) })
  }
  await app.listen({ host: '127.0.0.1', port })
  return { app, sockets, isTaken, port, origin: `http://localhost:${port}`, gauge }
}

async function signOut (afterMs: number, port: number, cookie: string): Promise<void> {
  await wait(afterMs)
  const request = httpRequest({
    port,
    host: '127.0.0.1',
    path: '/logout',
    method: 'POST',
    agent: false,
    headers: { cookie, 'sec-fetch-site': 'same-origin' }
  })
  const over = once(request, 'close')
  request.on('response', answer => { answer.resume() }).on('error', () => {}).end()
  await over
}

/**
 * As many requests and sockets at the same time as the limits allow: one of them is refused if a place was not given
 * back. What ends otherwise says nothing about places (a busy machine may be too slow for the tenant's ten seconds), so
 * it is done again, and is a fault where it never comes to an end.
 */
async function fillPlaces (
  tenant: WireTenant, port: number, { connections, queue, sockets }: Room, waitUntilIdle: () => Promise<unknown>
): Promise<string[]> {
  const now = Date.now()
  const cookies = await Promise.all([1, 2, 3].map(async client => {
    const tokens = { accessToken: `filler-${client}`, grantedAt: now, endsAt: now + 60 * minute, generation: 0 }
    return await cookieOf(startSession(tokens, now), tenantAt(tenant.origin))
  }))
  const agent = new Agent({ maxSockets: Infinity })
  const ask = async (path: string, headers: Record<string, string>) => {
    const request = httpRequest({ port, host: '127.0.0.1', path, headers, agent }).end()
    return await new Promise<number>(resolve => {
      request.on('response', (answer: IncomingMessage) => {
        answer.resume()
        resolve(answer.statusCode as number)
      })
      request.on('upgrade', (_answer, socket) => {
        resolve(101)
        socket.destroy()
      })
      request.on('error', () => { resolve(0) })
    })
  }
  const faults: string[] = []
  const fillKind = async (kind: string, count: number, wanted: number, one: (at: number) => Promise<number>, attempts = 4) => {
    // What is forwarded takes the connections to the tenant that there are, and those behind wait for them.
    let held = Math.min(count, connections)
    tenant.hold(held)
    const other: number[] = []
    await Promise.all(Array.from({ length: count }, async (_, at) => {
      const status = await one(at)
      if (status === wanted) return
      other.push(status)
      tenant.hold(--held)
    }))
    const refused = other.filter(status => status === 429 || status === 503)
    if (refused.length > 0) faults.push(`${refused.length} places of ${kind} were not given back (${refused.join()})`)
    else if (other.length > 0 && attempts === 1) faults.push(`the places of ${kind} could not be counted (${other.join()})`)
    else if (other.length > 0) {
      await waitUntilIdle()
      await fillKind(kind, count, wanted, one, attempts - 1)
    }
  }
  await fillKind('sockets', sockets, 101, async at => await ask('/app/hold', {
    cookie: cookies[at % 3] as string,
    'sec-fetch-site': 'same-origin',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA=='
  }))
  await fillKind('requests without a session', connections / 2, 200, async () => await ask('/assets/hold', {}))
  await fillKind('requests', connections + queue, 200, async at => await ask('/api/hold', { cookie: cookies[at % 3] as string }))
  agent.destroy()
  return faults
}
