import type { FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import { GatewayError } from '../errors.js'
import { atMost } from '../lru.js'
import type { Session } from '../session/record.js'
import type { Tenant } from '../tenants/tenant.js'
import { isAllowedUser, type AllowedUsers } from './users.js'

type Verdict = 'allowed' | 'denied' | 'unknown'

// 100,000 ids take about 20 MB; a session that is forgotten is judged again.
const mostRemembered = 100_000

/**
 * Who may have a session of one tenant. Each session is judged when it begins, when it first comes to this process (which may have other rules
 * than the one where it began) and, without anybody waiting, after each renewal of its token: groups change.
 */
export class SignInRule {
  readonly #allowed: AllowedUsers
  readonly #tenant: Tenant
  /** By session, the grant that it was judged with. */
  readonly #judged = new LRUCache<string, number>(atMost(mostRemembered))

  constructor (allowed: AllowedUsers, tenant: Tenant) {
    this.#allowed = allowed
    this.#tenant = tenant
  }

  /** Judges a session before the browser gets it. Raises GW-POLICY-USER and GW-POLICY-PROFILE; its tokens are given back then. */
  async requireAtSignIn (request: FastifyRequest, session: Session): Promise<void> {
    const verdict = await this.#judge(session)
    if (verdict === 'allowed') return
    this.#tenant.credentials.release(session, request.log)
    this.#refuse(request, session, verdict)
  }

  /** Judges the session of a request, if that is due. A promise only where the request must wait. Raises the same errors, and what tokens raise. */
  require (request: FastifyRequest): Promise<void> | undefined {
    const session = request.qlikSession.peek()
    // Without a session the request is answered by who needs one.
    if (session === undefined) return undefined
    const judged = this.#judged.get(session.id)
    if (judged === undefined) return this.#requireNow(request, session)
    const generation = this.#tenant.credentials.latest(session)?.generation ?? judged
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

  /** Judges a session by a renewed token. A profile that cannot be read leaves things as they were, to be tried with the next request. */
  #review (session: Session, request: FastifyRequest, before: number): void {
    const settle = (verdict: unknown) => {
      if (verdict === 'denied') {
        this.#end(session, request)
        this.#tell(request, session)
      } else if (verdict !== 'allowed') {
        this.#judged.set(session.id, before)
      }
    }
    this.#judge(session).then(settle, settle)
  }

  async #judge (session: Session): Promise<Verdict> {
    const { id } = session
    const { accessToken, generation } = this.#tenant.credentials.latest(session) ?? { accessToken: '', generation: 0 }
    // A name of its own for each grant, so that what is remembered of an earlier one is not taken for it.
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
    this.#tenant.signals.emit('session', { event: 'session-ended', reason: 'not-allowed', sessionId: session.id, subject: session.subject, log })
  }

  #refuse (request: FastifyRequest, session: Session, verdict: Exclude<Verdict, 'allowed'>): never {
    if (verdict === 'unknown') throw new GatewayError('GW-POLICY-PROFILE', { retryAfterSeconds: 5 })
    this.#tell(request, session)
    throw new GatewayError('GW-POLICY-USER')
  }

  #tell ({ log, method, target: { path } }: FastifyRequest, { id, subject }: Session): void {
    this.#tenant.signals.emit('denied', { rule: 'ALLOWED_USERS', log, sessionId: id, subject, method, path })
  }
}

/** The rule that a tenant's options set; undefined where everybody may sign in. */
export function createSignInRule (tenant: Tenant): SignInRule | undefined {
  const { allowedUsers: users, allowedGroups: groups } = tenant.options
  return users === undefined && groups === undefined ? undefined : new SignInRule({ users, groups }, tenant)
}
