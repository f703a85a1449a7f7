import type { SessionSettings } from '../session/session-settings.js'
import { loginSeconds } from './logins.js'

/** How this browser was sent back to pages within a minute. */
export interface Returned {
  /** When the minute began, in ms since the epoch. */
  readonly since: number
  /** Because its session lives, without a login. */
  readonly straight: number
  /** By logins since the session cookie was last seen. */
  readonly logins: number
  /** The state of the last login within ten minutes: its session may not have come to stay. */
  readonly state?: string
}

/**
 * Counts in a cookie of the browser's own what would else go round without end: logins that lead to no session, and
 * pages that ask for one again.
 */
export interface Returns {
  read (cookieHeader: string | undefined): Returned
  /** The Set-Cookie lines that keep it. */
  write (returned: Returned): string[]
  /** The Set-Cookie lines that drop it, where it came. */
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
      // A login's cookie opens too, and says nothing of this; one of the future is of a clock that was set back.
      return ageMs >= 0 && ageMs < minuteMs ? { since, straight, logins, ...last } : { since: now(), straight: 0, logins: 0, ...last }
    },
    write: returned => jar.write(name, seal.seal('login', returned), loginSeconds),
    clear (cookieHeader) {
      const received = jar.read(name, cookieHeader)
      return received.parts === 0 ? [] : jar.clear(name, received)
    }
  }
}
