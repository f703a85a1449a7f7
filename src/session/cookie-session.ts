import type { FastifyRequest } from 'fastify'
import { cookieBytes, type ReceivedCookie } from './cookies.js'
import type { RequestSession, Session, SessionOptions } from './session.js'

/** What all sessions of a gateway have in common. */
export type Setting = Required<SessionOptions> & {
  endsAt: (session: Session) => number
  /** The idle time is written when so much of it has passed. */
  writeAfterMs: number
}

// An object literal with getters has a hidden class of its own, which keeps what its functions see until a full collection of garbage: with
// one for each request a third of the time went there.

/** The session that the cookies of one request hold. */
export class CookieSession implements RequestSession {
  readonly #request: FastifyRequest
  readonly #setting: Setting
  #asked = false
  #received: ReceivedCookie | undefined
  #opened: Session | undefined
  #toWrite: Session | undefined
  /** The use that the browser's cookie tells of. */
  #writtenUse = 0
  #dropped = false

  constructor (request: FastifyRequest, setting: Setting) {
    this.#request = request
    this.#setting = setting
  }

  get opened (): Session | undefined {
    return this.#toWrite ?? this.#opened
  }

  get writes (): boolean {
    return this.#dropped || this.#toWrite !== undefined
  }

  peek (): Session | undefined {
    if (!this.#asked) this.#open()
    const session = this.opened
    return this.#dropped || session === undefined || this.#setting.ended.has(session.id) ? undefined : session
  }

  use (): Session | undefined {
    const { now, writeAfterMs } = this.#setting
    const session = this.peek()
    if (session === undefined || now() - this.#writtenUse <= writeAfterMs) return session
    this.#toWrite = { ...session, usedAt: now() }
    return this.#toWrite
  }

  demandRoom (session: Session): void {
    this.#linesOf(session)
  }

  replace (session: Session): void {
    // Here, where its error is the answer: in the onSend hook it would be too late.
    this.#linesOf(session)
    this.#toWrite = session
    this.#writtenUse = session.usedAt
    this.#dropped = false
  }

  drop (): void {
    this.#dropped = true
    if (this.#received?.value !== undefined) this.#setting.seal.forget(this.#received.value)
  }

  async catchUp (): Promise<void> {
    if (this.#toWrite !== undefined) await this.#setting.follow(this.#toWrite.tokens)
  }

  cookieLines (): string[] {
    const { jar, ended, newest, signals } = this.#setting
    if (this.#dropped) return jar.clear('session')
    // A slow answer that was under way when the user signed out must not bring the session back.
    if (this.#toWrite === undefined || ended.has(this.#toWrite.id)) return []
    // An answer that took long must not bring older tokens into the browser than it may have got meanwhile, here or at a replica.
    try {
      const lines = this.#linesOf({ ...this.#toWrite, tokens: newest(this.#toWrite.tokens) })
      signals.emit('cookieSet', 'session', cookieBytes(lines))
      return lines
    } catch {
      // Those do not fit, which the request that renewed them was told.
      return []
    }
  }

  #open (): void {
    const { jar, seal, endsAt, now, lastUse } = this.#setting
    this.#asked = true
    this.#received = jar.read('session', this.#request.headers.cookie)
    const sealed = this.#received.value === undefined ? undefined : seal.open('session', this.#received.value)
    if (sealed === undefined) return
    const written = sealed.value as Session
    const usedAt = lastUse(written.id)
    const session = usedAt > written.usedAt ? { ...written, usedAt } : written
    if (endsAt(session) <= now()) return
    this.#writtenUse = written.usedAt
    this.#opened = session
    if (sealed.stale) this.#toWrite = session
  }

  #linesOf (session: Session): string[] {
    const { jar, seal, limits, now } = this.#setting
    this.#received ??= jar.read('session', this.#request.headers.cookie)
    // The idle time is judged here, not by the browser, which knows nothing of a use that sends no cookie.
    const maxAgeSeconds = Math.ceil((session.createdAt + limits.maxMs - now()) / 1000)
    return jar.write('session', seal.seal('session', session), maxAgeSeconds, this.#received)
  }
}
