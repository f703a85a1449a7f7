import type { SessionSettings } from '../session/session-settings.js'
import { loginSeconds } from './logins.js'

/** How often this browser was sent back to pages within a minute. */
export interface Returned {
  /** When the minute began, in ms since the epoch. */
  readonly since: number
  /** Returns without a login, because there was a session. */
  readonly straight: number
  /** Returns after a login, since the session cookie was last seen. */
  readonly logins: number
  /** The state of the last login within ten minutes, whose session the browser may not have kept. */
  readonly state?: string
}

/**
 * Counts, in a cookie of its own, what could become an endless loop: logins that lead to no session, and pages that
 * keep asking for one.
 */
export interface Returns {
  read (cookieHeader: string | undefined): Returned
  /** The Set-Cookie lines that keep the count. */
  write (returned: Returned): string[]
  /** The Set-Cookie lines that delete the count, if the browser sent it. */
  clear (cookieHeader: string | undefined): string[]
}

const minuteMs = 60_000
const name = 'login-done'

export function createReturns ({ seal, jar, now }: Pick<SessionSettings, 'seal' | 'jar' | 'now'>): Returns {
  return {
    read (cookieHeader) {
      const [opened] = jar.read(name, cookieHeader).values.map(value => seal.open('login', value)?.value as Partial<Returned> | undefined)
      const { since = NaN, straight = 0, logins = 0, state } = opened ?? {}
      const ageMs = now() - since
      const last = state === undefined ? {} : { state }
      // The cookie of a login opens too, but has no such fields. A time in the future means that the clock was set
      // back.
      return ageMs >= 0 && ageMs < minuteMs ? { since, straight, logins, ...last } : { since: now(), straight: 0, logins: 0, ...last }
    },
    write: returned => jar.write(name, seal.seal('login', returned), loginSeconds),
    clear (cookieHeader) {
      const received = jar.read(name, cookieHeader)
      return received.parts === 0 ? [] : jar.clear(name, received)
    }
  }
}
