import { LRUCache } from 'lru-cache'
import { hash } from 'node:crypto'
import { atMost } from '../lru.js'
import type { TokenSet } from '../session/record.js'
import type { RefusedRequest } from './credentials.js'

const mostRemembered = 10_000
// A token that is refused right after it was granted will not be better the next time.
const youngMs = 60_000
// A page that only writes sends nothing twice: its next call tells whether the new token was better.
const untriedMs = 600_000

/** Remembers where a token that was just granted is refused like the one before: another one would not be better there. */
export class RefusedCalls {
  readonly #hopeless = new LRUCache<string, true>(atMost(mostRemembered))
  /** The token that a request was given in the place of a refused one. */
  readonly #repeated = new WeakMap<RefusedRequest, string>()
  /** When a new token was granted for calls that could not be sent again. */
  readonly #untried = new LRUCache<string, number>(atMost(mostRemembered))

  /** Takes that a request was given a new token, with which it is sent again or not. */
  replace (request: RefusedRequest, token: string, isRepeated: boolean, now: number): void {
    if (isRepeated) this.#repeated.set(request, token)
    else this.#untried.set(nameCall(request, token), now)
  }

  /** Whether another token than the refused one would be refused too; `newest` is the newest there is. */
  isHopeless (request: RefusedRequest, refused: string, newest: Pick<TokenSet, 'accessToken' | 'grantedAt'>, now: number): boolean {
    const call = nameCall(request, refused)
    const grantedAt = this.#untried.get(call)
    if (this.#repeated.get(request) === refused || (grantedAt !== undefined && now - grantedAt < untriedMs)) this.#hopeless.set(call, true)
    const ageMs = now - newest.grantedAt
    // A token of the future is as old as any: the clock was set back since.
    const isYoung = refused === newest.accessToken && ageMs >= 0 && ageMs < youngMs
    return isYoung || this.#hopeless.has(call)
  }
}

function nameCall ({ method, target }: RefusedRequest, token: string): string {
  return hash('sha256', `${token} ${method} ${target.path}`, 'base64url')
}
