import { createHash } from 'node:crypto'
import type { CookieName } from '../session/cookies.js'
import type { SessionSettings } from '../session/session-settings.js'
import type { HandoverRequest } from './handover.js'

/** A login under way: what was sent with the browser, and what is needed when it comes back. */
export interface Login {
  state: string
  codeVerifier: string
  returnTo: string
  startedAt: number
  /** How many exchanges of its code failed in a way that leaves the code usable. */
  attempts: number
  /** Set if the session is not for this window but for an embedding page. */
  handover?: HandoverRequest
}

/**
 * The logins that one browser has under way. Each has its own cookie, so simultaneous answers do not overwrite each
 * other's.
 */
export interface Logins {
  /** Finds the login of a state, however old. `arrived` says whether a cookie for it came, readable or not. */
  find (state: string, cookieHeader: string | undefined): { login: Login | undefined, arrived: boolean }
  /** All logins whose cookies came and could be opened, newest first. */
  all (cookieHeader: string | undefined): Login[]
  /** The Set-Cookie lines that keep this login. They delete the oldest logins if there are too many. */
  write (login: Login, cookieHeader: string | undefined): string[]
  /** The Set-Cookie lines that delete the login of this state. */
  clear (state: string, cookieHeader: string | undefined): string[]
}

/** How long a browser may take from /login to the callback. */
export const loginSeconds = 600
// Kept longer than a login may take, so that a late callback still knows which page it was for.
const keptSeconds = 3_600
const mostLogins = 5
// Five logins with usual addresses take 3 KB. Servers in front of the gateway accept 8 to 16 KB of cookies, which
// include the session.
const mostBytes = 12_000

export function createLogins ({ seal, jar, now }: Pick<SessionSettings, 'seal' | 'jar' | 'now'>): Logins {
  function open (name: CookieName, cookieHeader: string | undefined): { opened: unknown[], parts: number, bytes: number } {
    const { values, parts } = jar.read(name, cookieHeader)
    const opened = values.map(value => seal.open('login', value)?.value).filter(value => value !== undefined)
    return { opened, parts, bytes: values[0]?.length ?? 0 }
  }

  function others (cookieHeader: string | undefined) {
    return jar.loginTags(cookieHeader).map(tag => {
      const name: CookieName = `login-${tag}`
      const { opened, bytes } = open(name, cookieHeader)
      return { name, bytes, login: opened.find(isLogin) }
    }).sort((one, other) => (other.login?.startedAt ?? 0) - (one.login?.startedAt ?? 0))
  }

  return {
    find (state, cookieHeader) {
      const { opened, parts } = open(nameOf(state), cookieHeader)
      return { login: opened.filter(isLogin).find(login => login.state === state), arrived: parts > 0 }
    },
    all: cookieHeader => others(cookieHeader).flatMap(({ login }) => login ?? []),
    write (login, cookieHeader) {
      const name = nameOf(login.state)
      const sealed = seal.seal('login', login)
      const lines = jar.write(name, sealed, keptSeconds, jar.read(name, cookieHeader))
      let bytes = sealed.length
      others(cookieHeader).filter(other => other.name !== name).forEach((other, at) => {
        bytes += other.bytes
        if (at >= mostLogins - 1 || bytes > mostBytes) lines.push(...jar.clear(other.name, jar.read(other.name, cookieHeader)))
      })
      return lines
    },
    clear: (state, cookieHeader) => jar.clear(nameOf(state), jar.read(nameOf(state), cookieHeader))
  }
}

function isLogin (value: unknown): value is Login {
  const { state, codeVerifier, returnTo, startedAt, attempts } = Object(value) as Partial<Login>
  return [state, codeVerifier, returnTo].every(text => typeof text === 'string') && [startedAt, attempts].every(Number.isFinite)
}

/** The name of the cookie of a state, by which the callback finds its login. */
function nameOf (state: string): CookieName {
  return `login-${createHash('sha256').update(state).digest('hex').slice(0, 12)}`
}
