import { randomBytes } from 'node:crypto'
import type { Held } from './held.js'
import type { SessionSettings } from './session-settings.js'

/** What is sealed in a ticket: a session for one socket, event stream or redirect, which can carry no new headers. */
export interface Ticket {
  /** Accepted once. */
  id: string
  held: Held
  endsAt: number
}

/** The query parameter of a ticket. */
export const ticketParameter = 'qlik-gateway-ticket'

/** How long a ticket is valid. */
export const ticketMs = 30_000

/** Makes a ticket for the page that holds this session. */
export function sealTicket ({ seal, now }: Pick<SessionSettings, 'seal' | 'now'>, held: Held): string {
  return seal.seal('ticket', { id: randomBytes(16).toString('base64url'), held, endsAt: now() + ticketMs } satisfies Ticket)
}
