import { LRUCache } from 'lru-cache'
import { atMost } from '../lru.js'
import type { Session } from '../session/record.js'
import { loginSeconds, type Login } from './logins.js'

/** The exchange of one code. Every request with the same code gets the same session until one answer has been sent. */
export interface SignIn {
  readonly login: Login
  readonly result: Promise<Session>
  /** An answer with the session has been sent, so from now on the state is used up. */
  answered: boolean
  /** The browser has signed out in the meantime, so the session ends as soon as it begins. */
  signedOut: boolean
}

/**
 * The codes that this process has exchanged, by state. A second exchange of the same code would make the tenant revoke
 * the tokens of the first (RFC 6749, section 4.1.2).
 */
export interface SignIns {
  find (state: string): SignIn | undefined
  /** Begins an exchange. It is forgotten if `isSpent` says that the code is still usable after the failure. */
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
