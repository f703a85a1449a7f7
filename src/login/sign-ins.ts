import { LRUCache } from 'lru-cache'
import { atMost } from '../lru.js'
import type { Session } from '../session/record.js'
import { loginSeconds, type Login } from './logins.js'

/** What came of a code: one exchange, whose session everybody gets who comes with it before an answer has left. */
export interface SignIn {
  readonly login: Login
  readonly result: Promise<Session>
  /** An answer that holds the session has left: from now on the state is used. */
  answered: boolean
  /** The browser has signed out meanwhile: its session ends as it begins. */
  signedOut: boolean
}

/**
 * The codes that this process has exchanged, by state. A second exchange of a code would revoke what the first one got
 * (RFC 6749, section 4.1.2).
 */
export interface SignIns {
  find (state: string): SignIn | undefined
  /** Begins one. It is forgotten where `isSpent` says of the failure that the code can be brought once more. */
  begin (login: Login, exchange: () => Promise<Session>, isSpent: (failure: unknown) => boolean): SignIn
}

const mostRemembered = 5_000

export function createSignIns (): SignIns {
  const known = new LRUCache<string, SignIn>({ ...atMost(mostRemembered), ttl: loginSeconds * 1000 })
  return {
    find: state => known.get(state),
    begin (login, exchange, isSpent) {
      const result = exchange()
      const signIn: SignIn = { login, result, answered: false, signedOut: false }
      known.set(login.state, signIn)
      result.catch((failure: unknown) => { if (!isSpent(failure)) known.delete(login.state) })
      return signIn
    }
  }
}
