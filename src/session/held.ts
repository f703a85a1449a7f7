import { GatewayError } from '../errors.js'
import type { Session } from './record.js'
import type { SessionSettings } from './session-settings.js'

/** What is sealed for a page that holds its session itself. */
export interface Held {
  session: Session
  /** The thumbprint of the key (RFC 7638) without which it is nothing. */
  thumbprint: string
  /** The page's origin: other sites have sessions of their own, as they have cookies of their own. */
  origin: string
}

// As much as four cookies carry.
const mostBytes = 15_600

/** The session in the form that a page holds. Raises GW-SESSION-TOO-LARGE for what fits into no headers. */
export function sealHeld ({ seal }: Pick<SessionSettings, 'seal'>, held: Held): string {
  const sealed = seal.seal('held', held)
  if (sealed.length > mostBytes) throw new GatewayError('GW-SESSION-TOO-LARGE')
  return sealed
}
