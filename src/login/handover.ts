import { createHash, timingSafeEqual } from 'node:crypto'
import { GatewayError } from '../errors.js'
import { readSession, type Session } from '../session/record.js'
import type { Tenant } from '../tenants/tenant.js'

/** How a page wants its session: the S256 hash of its verifier, and whether a popup signs in for it. */
export interface HandoverRequest {
  challenge: string
  popup: boolean
}

/**
 * One-time codes. They carry a session from the window that signed in to the embedding page, which has its own cookies
 * (CHIPS).
 */
export interface Handovers {
  /** Makes a code for a session. Within a minute a page of `origin` that knows the verifier can exchange it. */
  issue (session: Session, challenge: string, origin: string): string
  /**
   * Returns the session of a code, once. Rejects with GW-HANDOVER if the code is for another page, too old or already
   * used.
   */
  take (code: unknown, verifier: unknown, origin: string): Promise<Session>
}

interface Handover {
  session: Session
  challenge: string
  origin: string
  endsAt: number
}

/** How long a code is valid. */
const codeMs = 60_000

/** Whether a text is a SHA-256 hash in base64url, as a PKCE challenge is (RFC 7636, section 4.2). */
export function isChallenge (text: unknown): text is string {
  return typeof text === 'string' && /^[\w-]{43}$/.test(text)
}

/** The codes contain the sealed session, so any replica accepts them. Each session is handed over once. */
export function createHandovers ({ sessions: { seal, ended, now }, once }: Pick<Tenant, 'sessions' | 'once'>): Handovers {
  const takeOnce = once('handover', codeMs)
  return {
    // The challenge comes before the sealed part, so that a page recognizes its own code and the verifier that belongs
    // to it.
    issue (session, challenge, origin) {
      const handover: Handover = { session, challenge, origin, endsAt: now() + codeMs }
      return `${challenge}.${seal.seal('handover', handover)}`
    },
    async take (code, verifier, origin) {
      const sealed = typeof code === 'string' ? code.slice(code.indexOf('.') + 1) : ''
      const handover = readHandover(seal.open('handover', sealed)?.value)
      if (handover === undefined || typeof verifier !== 'string' || !isAnswer(verifier, handover.challenge)) {
        throw new GatewayError('GW-HANDOVER')
      }
      const { session } = handover
      if (handover.origin !== origin || handover.endsAt <= now() || ended.has(session.id) || !await takeOnce(session.id)) {
        throw new GatewayError('GW-HANDOVER')
      }
      return session
    }
  }
}

function readHandover (opened: unknown): Handover | undefined {
  const { session, challenge, origin, endsAt } = Object(opened) as Partial<Handover>
  const isHandover = readSession(session) !== undefined && isChallenge(challenge)
  return isHandover && typeof origin === 'string' && typeof endsAt === 'number' ? opened as Handover : undefined
}

function isAnswer (verifier: string, challenge: string): boolean {
  return timingSafeEqual(createHash('sha256').update(verifier).digest(), Buffer.from(challenge, 'base64url'))
}

/** Adds a code to the fragment of a page's address: servers and Referer headers never see it there. */
export function addCode (address: string, code: string): string {
  return `${address}${address.includes('#') ? '&' : '#'}qlik-gateway-code=${code}`
}
