import { LRUCache } from 'lru-cache'
import { atMost } from '../lru.js'
import type { Session } from '../session/record.js'
import { loginSeconds, type Login } from './logins.js'

/** What came of a code: one exchange, whose session everybody gets who comes with it before an answer has left. */
export interface SignIn {
  readonly login: Login
  readonly result: Promise<Session>
  /** The session, as soon as it has begun: before the answer is ready. */
  readonly session: Session | undefined
  /** An answer that holds the session has left: from now on the state is used. */
  answered: boolean
}

/** The codes that this process has exchanged, by state. A second exchange of a code would revoke what the first one got (RFC 6749, section 4.1.2). */
export interface SignIns {
  find (state: string): SignIn | undefined
  /** Begins one, which notes its session as soon as it has begun. It is forgotten where `isSpent` says of the failure that the code can be brought once more. */
  begin (login: Login, exchange: (note: (begun: Session) => void) => Promise<Session>, isSpent: (failure: unknown) => boolean): SignIn
}

// Of about 4 KB each.
const mostRemembered = 5_000

export function createSignIns (): SignIns {
  const known = new LRUCache<string, SignIn>({ ...atMost(mostRemembered), ttl: loginSeconds * 1000 })
  return {
    find: state => known.get(state),
    begin (login, exchange, isSpent) {
      let session: Session | undefined
      const result = exchange(begun => { session = begun })
      const signIn: SignIn = { login, result, get session () { return session }, answered: false }
      known.set(login.state, signIn)
      signIn.result.catch((failure: unknown) => { if (!isSpent(failure)) known.delete(login.state) })
      return signIn
    }
  }
}
