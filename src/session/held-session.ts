import { bringUpToDate, unwrittenMs } from './cookie-session.js'
import { sealHeld, type Held } from './held.js'
import { sessionEndsAt, type Session } from './record.js'
import type { RequestSession } from './request-session.js'
import type { SessionSettings } from './session-settings.js'
import { sealTicket } from './ticket.js'

/** The session of a request whose page holds it, because its browser keeps no cookie. Without a valid proof there is no session. */
export class HeldSession implements RequestSession {
  readonly arrived = false
  readonly #settings: SessionSettings
  readonly #held: Held | undefined
  #session: Session | undefined
  #toWrite: Session | undefined

  /** `stale` says that it was sealed with an older key. */
  constructor (settings: SessionSettings, held?: Held, stale = false) {
    this.#settings = settings
    this.#held = held
    if (held === undefined) return
    const session = bringUpToDate(held.session, settings)
    if (sessionEndsAt(session, settings.limits) <= settings.now()) return
    this.#session = session
    if (stale) this.#toWrite = session
  }

  get provesOrigin (): boolean {
    return this.peek() !== undefined
  }

  get opened (): Session | undefined {
    return this.#toWrite ?? this.#session
  }

  get writes (): boolean {
    return this.#toWrite !== undefined
  }

  peek (): Session | undefined {
    const session = this.opened
    return session === undefined || this.#settings.ended.has(session.id) ? undefined : session
  }

  use (): Session | undefined {
    const { now, limits } = this.#settings
    const session = this.peek()
    if (session === undefined || now() - (this.#held as Held).session.usedAt <= unwrittenMs(limits)) return session
    this.#toWrite = { ...session, usedAt: now() }
    return this.#toWrite
  }

  all (): Session[] {
    return this.#held === undefined ? [] : [this.#held.session]
  }

  requireFit (session: Session): void {
    this.#seal(session)
  }

  replace (session: Session): void {
    this.#seal(session)
    this.#toWrite = session
  }

  drop (): void {
    this.#session = this.#toWrite = undefined
  }

  async askReplicas (): Promise<void> {
    if (this.#toWrite !== undefined) await this.#settings.follow(this.#toWrite.grant)
  }

  cookieLines (): string[] {
    return []
  }

  renewed (): string | undefined {
    const session = this.#toWrite
    const { ended, renewed, newest } = this.#settings
    if (session === undefined || ended.has(session.id)) return undefined
    const grant = newest(session.grant)
    if ('generation' in grant && grant.generation < renewed.last(session.id).generation) return undefined
    try {
      return this.#seal({ ...session, grant })
    } catch {
      // The tokens are too large. The request that renewed them got the error.
      return undefined
    }
  }

  issueTicket (): string {
    return sealTicket(this.#settings, { ...this.#held as Held, session: this.opened as Session })
  }

  #seal (session: Session): string {
    return sealHeld(this.#settings, { ...this.#held as Held, session })
  }
}
