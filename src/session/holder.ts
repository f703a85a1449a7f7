import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { bringUpToDate, isOver } from './cookie-session.js'
import type { Held } from './held.js'
import { HeldSession } from './held-session.js'
import { verifyProof } from './proof.js'
import { readSession } from './record.js'
import type { HolderSettings, SessionSettings } from './session-settings.js'
import { ticketParameter, type Ticket } from './ticket.js'

export const sessionHeader = 'qlik-gateway-session'
const proofHeader = 'qlik-gateway-proof'

// Sockets and event streams can carry no headers; neither can a browser that follows a redirect from one path of the API to another.
const takesTickets = new Set(['/app', '/gateway/events', '/api'])

/**
 * Opens the session that a request brings in its headers or by a ticket; undefined if it brings neither. If the session or its proof is not
 * valid, belongs to another page, is too old or was used before, the request has no session, whatever cookies it has.
 */
export function openHeldSession (request: FastifyRequest, settings: SessionSettings): Promise<HeldSession> | undefined {
  const { holders } = settings
  if (holders === undefined) return undefined
  const { headers, method, routeFamily } = request
  const sealed = headers[sessionHeader]
  const mayUseTicket = method === 'GET' && takesTickets.has(routeFamily)
  const ticket = mayUseTicket ? (request.query as Record<string, unknown>)[ticketParameter] : undefined
  if (sealed === undefined && ticket === undefined) return undefined
  const opened = ticket === undefined ? openByProof(request, settings, holders) : openByTicket(ticket, request, settings, holders)
  return opened.catch(error => {
    request.log.info({ failure: (error as Error).message }, 'a session that a page holds was refused')
    return new HeldSession(settings)
  })
}

async function openByProof (
  { method, headers, log }: FastifyRequest, settings: SessionSettings, { origins, takeProof }: HolderSettings
): Promise<HeldSession> {
  const sealed = String(headers[sessionHeader])
  const opened = settings.seal.open('held', sealed)
  const held = readHeld(opened?.value)
  demand(held.origin === headers.origin && origins.has(held.origin), 'It belongs to another page.')
  const proof = await verifyProof(String(headers[proofHeader]), { method, origin: held.origin, sealed, now: settings.now() })
  demand(proof.thumbprint === held.thumbprint, 'The proof is signed with another key.')
  demand(await takeProof(proof.id), 'The proof was used before.')
  return hold(held, settings, log, opened?.stale)
}

async function openByTicket (
  sealed: unknown, { headers, log }: FastifyRequest, settings: SessionSettings, { origins, takeTicket }: HolderSettings
): Promise<HeldSession> {
  const { id = '', held: value, endsAt = 0 } = Object(settings.seal.open('ticket', String(sealed))?.value) as Partial<Ticket>
  const held = readHeld(value)
  demand(held.origin === headers.origin && origins.has(held.origin), 'It belongs to another page.')
  demand(endsAt > settings.now(), 'The ticket is too old.')
  demand(await takeTicket(id), 'The ticket was used before.')
  return hold(held, settings, log)
}

/** An expired session is reported here. It no longer serves requests, but can still be signed out of. */
function hold (held: Held, settings: SessionSettings, log: FastifyBaseLogger, stale = false): HeldSession {
  isOver(bringUpToDate(held.session, settings), settings, log)
  return new HeldSession(settings, held, stale)
}

function readHeld (value: unknown): Held {
  const { session, thumbprint, origin } = Object(value) as Partial<Held>
  const isHeld = readSession(session) !== undefined && typeof thumbprint === 'string' && typeof origin === 'string'
  if (!isHeld) throw new Error('It is of another format, or was not sealed here.')
  return value as Held
}

function demand (condition: boolean, failure: string): void {
  if (!condition) throw new Error(failure)
}
