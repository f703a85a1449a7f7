import { GatewayError } from '../errors.js'
import type { Session } from './record.js'
import type { SessionSettings } from './session-settings.js'

/** What is sealed for a page that holds its session itself, without a cookie. */
export interface Held {
  session: Session
  /** The thumbprint (RFC 7638) of the page's key. Each request must prove possession of that key. */
  thumbprint: string
  /** The origin of the page, which alone can use the session, as with a partitioned cookie. */
  origin: string
}

// As much as four cookies carry.
const mostBytes = 15_600

/** Seals a session for the page that holds it. Raises GW-SESSION-TOO-LARGE if it does not fit into a header. */
export function sealHeld ({ seal }: Pick<SessionSettings, 'seal'>, held: Held): string {
  const sealed = seal.seal('held', held)
  if (sealed.length > mostBytes) throw new GatewayError('GW-SESSION-TOO-LARGE')
  return sealed
}
