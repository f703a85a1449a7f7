import type { FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import { GatewayError } from '../errors.js'
import { atMost } from '../lru.js'
import type { Session } from '../session/record.js'
import type { Tenant } from '../tenants/tenant.js'
import { isAllowedUser, type AllowedUsers } from './users.js'

type Verdict = 'allowed' | 'denied' | 'unknown'

// 100,000 ids take about 20 MB. A session that has been forgotten is judged again.
const mostRemembered = 100_000

/**
 * Decides who may have a session of one tenant. A session is judged when it begins, and when it first comes to this
 * process, whose settings may be others than those of the replica where it began. Since groups change, it is judged
 * again after each renewal of its token, in the background.
 */
export class SignInRule {
  readonly #allowed: AllowedUsers
  readonly #tenant: Tenant
  /** The generation of the grant that each session was last judged with, by session id. */
  readonly #judged = new LRUCache<string, number>(atMost(mostRemembered))

  constructor (allowed: AllowedUsers, tenant: Tenant) {
    this.#allowed = allowed
    this.#tenant = tenant
  }

  /** Judges a session before the browser gets it. Raises GW-POLICY-USER or GW-POLICY-PROFILE, and revokes its tokens then. */
  async requireAtSignIn (request: FastifyRequest, session: Session): Promise<void> {
    const verdict = await this.#judge(session)
    if (verdict === 'allowed') return
    this.#tenant.credentials.release(session, request.log)
    this.#refuse(request, session, verdict)
  }

  /**
   * Judges the session of a request, if that is due. Returns a promise only if the request must wait. Raises the same
   * errors, and those of tokens.
   */
  require (request: FastifyRequest): Promise<void> | undefined {
    const session = request.qlikSession.peek()
    // What needs a session refuses the request.
    if (session === undefined) return undefined
    const judged = this.#judged.get(session.id)
    if (judged === undefined) return this.#requireNow(request, session)
    const { generation } = this.#tenant.credentials.latest(session)
    if (generation > judged) {
      this.#judged.set(session.id, generation)
      this.#review(session, request, judged)
    }
    return undefined
  }

  async #requireNow (request: FastifyRequest, session: Session): Promise<void> {
    await request.accessToken({ use: false })
    const verdict = await this.#judge(session)
    if (verdict === 'allowed') return
    if (verdict === 'denied') {
      this.#end(session, request)
      request.qlikSession.drop()
    }
    this.#refuse(request, session, verdict)
  }

  /** Judges a session with a renewed token, in the background. If the profile cannot be read, the next request tries again. */
  #review (session: Session, request: FastifyRequest, before: number): void {
    const apply = (verdict: unknown) => {
      if (verdict === 'denied') {
        this.#end(session, request)
        this.#signalDenial(request, session)
      } else if (verdict !== 'allowed') {
        this.#judged.set(session.id, before)
      }
    }
    this.#judge(session).then(apply, apply)
  }

  async #judge (session: Session): Promise<Verdict> {
    const { id } = session
    const { accessToken, generation } = this.#tenant.credentials.latest(session)
    // The profile is cached by this name. One name for each grant, so that a profile of an earlier grant is not used.
    const profile = await this.#tenant.api.readProfile(`${id} ${generation}`, accessToken)
    if (profile === undefined) return 'unknown'
    if (!isAllowedUser(profile, this.#allowed)) return 'denied'
    this.#judged.set(id, generation)
    return 'allowed'
  }

  #end (session: Session, { log }: FastifyRequest): void {
    this.#judged.delete(session.id)
    this.#tenant.sessions.ended.end(session.id)
    this.#tenant.credentials.release(session, log)
    const { id: sessionId, subject } = session
    this.#tenant.signals.emit('session', { event: 'session-ended', reason: 'not-allowed', sessionId, subject, log })
  }

  #refuse (request: FastifyRequest, session: Session, verdict: Exclude<Verdict, 'allowed'>): never {
    if (verdict === 'unknown') throw new GatewayError('GW-POLICY-PROFILE', { retryAfterSeconds: 5 })
    this.#signalDenial(request, session)
    throw new GatewayError('GW-POLICY-USER')
  }

  #signalDenial ({ log, method, target: { path } }: FastifyRequest, { id, subject }: Session): void {
    this.#tenant.signals.emit('denied', { rule: 'ALLOWED_USERS', log, sessionId: id, subject, method, path })
  }
}

/** The rule that the options of a tenant describe; undefined if everybody may sign in. */
export function createSignInRule (tenant: Tenant): SignInRule | undefined {
  const { allowedUsers: users, allowedGroups: groups } = tenant.options
  return users === undefined && groups === undefined ? undefined : new SignInRule({ users, groups }, tenant)
}
