import { createHash, timingSafeEqual } from 'node:crypto'
import { GatewayError } from '../errors.js'
import type { Session } from '../session/record.js'
import type { Tenant } from '../tenants/tenant.js'

/** How a page wants its session: the S256 hash of a verifier that it keeps, and whether a popup signs in for it. */
export interface HandoverRequest {
  challenge: string
  popup: boolean
}

/** One-time codes that carry a session from the window that signed in to the page that embeds, whose cookies are kept apart (CHIPS). */
export interface Handovers {
  /** A code for a session. It opens for a page of `origin` that knows the verifier, within a minute. */
  issue (session: Session, challenge: string, origin: string): string
  /** The session of a code, once. Rejects with GW-HANDOVER for any code that is not this page's, not fresh or not new. */
  take (code: unknown, verifier: unknown, origin: string): Promise<Session>
}

interface Handover {
  session: Session
  challenge: string
  origin: string
  endsAt: number
}

/** How long a code works. */
const codeMs = 60_000

/** Whether text is a SHA-256 hash in base64url, as a challenge is (RFC 7636, section 4.2). */
export function isChallenge (text: unknown): text is string {
  return typeof text === 'string' && /^[\w-]{43}$/.test(text)
}

/** Codes hold the session sealed, so that any replica takes them. Each session is handed over once. */
export function createHandovers ({ sessions: { seal, ended, now }, once }: Pick<Tenant, 'sessions' | 'once'>): Handovers {
  const takeOnce = once('handover', codeMs)
  return {
    // The challenge stands before the sealed part, so that a page knows its own code and which verifier answers it.
    issue (session, challenge, origin) {
      const handover: Handover = { session, challenge, origin, endsAt: now() + codeMs }
      return `${challenge}.${seal.seal('handover', handover)}`
    },
    async take (code, verifier, origin) {
      const sealed = typeof code === 'string' ? code.slice(code.indexOf('.') + 1) : ''
      const handover = seal.open('handover', sealed)?.value as Handover | undefined
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

function isAnswer (verifier: string, challenge: string): boolean {
  return timingSafeEqual(createHash('sha256').update(verifier).digest(), Buffer.from(challenge, 'base64url'))
}

/** The address of a page with a code behind its fragment, where no server and no Referer header sees it. */
export function addCode (address: string, code: string): string {
  return `${address}${address.includes('#') ? '&' : '#'}qlik-gateway-code=${code}`
}
