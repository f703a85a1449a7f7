import type { Signals } from '../signals.js'
import type { CookieJar } from './cookies.js'
import type { EndedSessions } from './ended.js'
import type { Grant, SessionLimits } from './record.js'
import type { RenewedSessions } from './renewed.js'
import type { Seal } from './seal.js'

/** What the sessions of one tenant have in common. */
export interface SessionSettings {
  seal: Seal
  jar: CookieJar
  ended: EndedSessions
  limits: SessionLimits
  now: () => number
  /** The newest grant known to have followed from this; without one of newer date, this. */
  newest: (grant: Grant) => Grant
  /** Asks replicas for a newer one, which is the newest known from then on; never rejects. */
  follow: (grant: Grant) => Promise<void>
  /** When a session was last in use without a cookie being written, in ms since the epoch; 0 for never. */
  lastUse: (sessionId: string) => number
  /** Sessions that went on with a new sign-in: tokens of before are not written any more. */
  renewed: RenewedSessions
  signals: Signals
  /** Where browsers may keep no cookie for the pages: whose pages may hold their session themselves. */
  holders?: HolderSettings | undefined
}

/** Who may hold a session without a cookie, and what has been used already. */
export interface HolderSettings {
  origins: ReadonlySet<string>
  takeProof: (id: string) => Promise<boolean>
  takeTicket: (id: string) => Promise<boolean>
}
