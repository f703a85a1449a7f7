import { LRUCache } from 'lru-cache'
import { hash } from 'node:crypto'
import { lazy } from '../lazy.js'
import { atMost } from '../lru.js'
import type { TokenSet } from '../session/record.js'
import type { RefusedRequest } from './credentials.js'

const mostRemembered = 10_000
// If a token is refused right after it was granted, another one would be refused too.
const youngMs = 60_000
// A request with a body cannot be sent again. The next call of the same kind shows whether the new token is accepted.
const untriedMs = 600_000

/** Remembers calls that the tenant refuses (401) even with a new token, so that they cause no further grants. */
export class RefusedCalls {
  readonly #hopeless = lazy(() => new LRUCache<string, true>(atMost(mostRemembered)))
  /** The token with which a request was sent again. */
  readonly #repeated = new WeakMap<RefusedRequest, string>()
  /** When a new token was granted after a call that could not be sent again. */
  readonly #untried = lazy(() => new LRUCache<string, number>(atMost(mostRemembered)))

  /** Notes that a request got a new token, and whether it is sent again with it. */
  replace (request: RefusedRequest, token: string, isRepeated: boolean, now: number): void {
    if (isRepeated) this.#repeated.set(request, token)
    else this.#untried().set(nameCall(request, token), now)
  }

  /** Whether the tenant would refuse another token too. */
  isHopeless (request: RefusedRequest, refused: string, newest: Pick<TokenSet, 'accessToken' | 'grantedAt'>, now: number): boolean {
    const call = nameCall(request, refused)
    const grantedAt = this.#untried().get(call)
    const isUntried = grantedAt !== undefined && now - grantedAt < untriedMs
    if (this.#repeated.get(request) === refused || isUntried) this.#hopeless().set(call, true)
    const ageMs = now - newest.grantedAt
    // If a token seems to be of the future, the clock was set back. It does not count as new then.
    const isYoung = refused === newest.accessToken && ageMs >= 0 && ageMs < youngMs
    return isYoung || this.#hopeless().has(call)
  }
}

function nameCall ({ method, target }: RefusedRequest, token: string): string {
  return hash('sha256', `${token} ${method} ${target.path}`, 'base64url')
}
