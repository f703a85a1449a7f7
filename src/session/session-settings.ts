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
  /** The newest grant that this process knows to have followed from the given one, by refreshes; the given one if there is none. */
  newest: (grant: Grant) => Grant
  /** Asks the other replicas for a newer grant, which `newest` returns from then on. Never rejects. */
  follow: (grant: Grant) => Promise<void>
  /** When a session was last used by something that writes no cookie, such as an open socket. In ms since the epoch; 0 for never. */
  lastUse: (sessionId: string) => number
  /** Sessions that continue after another sign-in of their user. Tokens of the earlier sign-in are not written any more. */
  renewed: RenewedSessions
  signals: Signals
  /** Set if pages may hold their session themselves, for browsers that keep no cookie for them. */
  holders?: HolderSettings | undefined
}

/** The rules for pages that hold their session themselves. */
export interface HolderSettings {
  /** The origins of these pages. */
  origins: ReadonlySet<string>
  /** Resolves with false if the id was taken before, here or at another replica; so does `takeTicket`. */
  takeProof: (id: string) => Promise<boolean>
  takeTicket: (id: string) => Promise<boolean>
}
