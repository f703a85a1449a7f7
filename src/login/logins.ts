import type { SessionSettings } from '../session/cookie-session.js'
import type { HandoverRequest } from './handover.js'

/** A login under way: what was sent with the browser, and what waits for its return. */
export interface Login {
  state: string
  codeVerifier: string
  returnTo: string
  startedAt: number
  /** Given where the session is not for this window but for an embedding page. */
  handover?: HandoverRequest
}

/** The logins of one browser that are under way, kept in its login cookie. */
export interface Logins {
  /** The logins under way, newest first; undefined without a cookie that could be opened. */
  read (cookieHeader: string | undefined): Login[] | undefined
  /** Whether a login cookie came at all. */
  arrived (cookieHeader: string | undefined): boolean
  /** The Set-Cookie lines that keep these logins, newest first; the oldest give way when there are too many. */
  write (logins: readonly Login[]): string[]
}

/** How long a browser may take from /login to the callback. */
export const loginSeconds = 600
const mostLogins = 5

export function createLogins ({ seal, jar, now }: Pick<SessionSettings, 'seal' | 'jar' | 'now'>): Logins {
  return {
    read (cookieHeader) {
      const { value } = jar.read('login', cookieHeader)
      const opened = value === undefined ? undefined : seal.open('login', value)
      if (opened === undefined) return undefined
      return (opened.value as { logins: Login[] }).logins.filter(login => now() - login.startedAt < loginSeconds * 1000)
    },
    arrived: cookieHeader => jar.read('login', cookieHeader).parts > 0,
    write (logins) {
      const kept = logins.slice(0, mostLogins)
      if (kept.length === 0) return jar.clear('login')
      const sealed = seal.seal('login', { logins: kept })
      if (!jar.fits(sealed)) return this.write(kept.slice(0, -1))
      return jar.write('login', sealed, loginSeconds, { value: undefined, parts: 0 })
    }
  }
}
