import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { randomBytes } from 'node:crypto'
import { onRequestHook } from '../hooks.js'
import { createSignals, type Signals } from '../signals.js'
import { cookieBytes, type CookieJar, type ReceivedCookie } from './cookies.js'
import type { EndedSessions } from './ended.js'
import type { Seal } from './seal.js'

/** The tokens of a login, as one answer of the token endpoint gave them. */
export interface TokenSet {
  readonly accessToken: string
  /** Absent without the scope offline_access: then the session ends with its access token. */
  readonly refreshToken?: string
  readonly grantedAt: number
  readonly endsAt: number
  /** Counts the answers since the login, from 0. */
  readonly generation: number
}

/** Tokens that can be renewed. */
export type RenewableTokens = TokenSet & { readonly refreshToken: string }

/** What the session cookie holds. */
export interface Session {
  /** Random, new with each login, the same through every refresh. */
  readonly id: string
  readonly createdAt: number
  /** When the session was last used: as the cookie says, or later where something holds it in use. */
  readonly usedAt: number
  readonly tokens: TokenSet
}

export interface SessionLimits { idleMs: number, maxMs: number }

/** The session of one request: opened when something asks for it, written once, with the answer. */
export interface RequestSession {
  /** The session as far as it is known: undefined until something has asked for it. For the log alone. */
  readonly opened: Session | undefined
  /** The session without counting as use. */
  peek (): Session | undefined
  /** The session, counted as used. */
  use (): Session | undefined
  /** Raises GW-SESSION-TOO-LARGE when a session does not fit into cookies. */
  demandRoom (session: Session): void
  /** Stores a session with the answer: of a login, or with renewed tokens. Raises GW-SESSION-TOO-LARGE. */
  replace (session: Session): void
  /** Clears the cookie with the answer, in all its parts. */
  drop (): void
  /** Whether the answer will set cookies. */
  readonly writes: boolean
  /** Learns, where the answer will store a session, what replicas know to have followed from its tokens. */
  catchUp (): Promise<void>
  /** The Set-Cookie lines of the answer. */
  cookieLines (): string[]
}

declare module 'fastify' {
  interface FastifyRequest { qlikSession: RequestSession }
}

export interface SessionOptions {
  seal: Seal
  jar: CookieJar
  ended: EndedSessions
  limits: SessionLimits
  now: () => number
  /** The newest tokens known to have followed from these; these themselves unless given. */
  newest?: (tokens: TokenSet) => TokenSet
  /** Asks replicas for newer ones, which are the newest known from then on; never rejects. Nobody is asked unless given. */
  follow?: (tokens: TokenSet) => Promise<void>
  /** When a session was last in use without a cookie being written, in ms since the epoch; never unless given. */
  lastUse?: (sessionId: string) => number
  signals?: Signals
}

/** A session that begins now. */
export function startSession (tokens: TokenSet, now: number): Session {
  return { id: randomBytes(16).toString('base64url'), createdAt: now, usedAt: now, tokens }
}

/** When a session ends if it is not used again. */
export function sessionEndsAt (session: Session, limits: SessionLimits): number {
  return Math.min(session.createdAt + limits.maxMs, session.usedAt + limits.idleMs)
}

/** Gives every request its session, and every answer the cookies that keep it. */
export const sessionPlugin = fp<SessionOptions>(async (app, options) => {
  app.decorateRequest('qlikSession')
  app.addHook('onRequest', onRequestHook(request => {
    request.qlikSession = createRequestSession(request, options)
    return false
  }))
  app.addHook('onSend', (request, reply, payload, done) => {
    // What was refused or answered before it came here has no session to write.
    const session = request.qlikSession as RequestSession | undefined
    if (session?.writes !== true) {
      done(null, payload)
      return
    }
    session.catchUp().then(() => {
      const lines = session.cookieLines()
      // A cache that stored this answer would hand one user's session to the next.
      if (lines.length > 0) reply.header('set-cookie', lines).header('cache-control', 'no-store')
      done(null, payload)
    }, done)
  })
}, { name: 'session', fastify: '5.x' })

function createRequestSession (request: FastifyRequest, { seal, jar, ended, limits, now, newest = tokens => tokens, follow = async () => {}, lastUse = () => 0, signals = createSignals() }: SessionOptions): RequestSession {
  let asked = false
  let received: ReceivedCookie | undefined
  let opened: Session | undefined
  let toWrite: Session | undefined
  /** The use that the browser's cookie tells of. */
  let writtenUse = 0
  let dropped = false
  // Written once a tenth of the idle time has passed, so that most answers set no cookie; at once where a tenth is under a minute.
  const writeAfterMs = limits.idleMs < 600_000 ? 0 : limits.idleMs / 10

  function open (): void {
    asked = true
    received = jar.read('session', request.headers.cookie)
    const sealed = received.value === undefined ? undefined : seal.open('session', received.value)
    if (sealed === undefined) return
    const written = sealed.value as Session
    const session = { ...written, usedAt: Math.max(written.usedAt, lastUse(written.id)) }
    if (sessionEndsAt(session, limits) <= now()) return
    writtenUse = written.usedAt
    opened = session
    if (sealed.stale) toWrite = session
  }

  function current (): Session | undefined {
    if (!asked) open()
    const session = toWrite ?? opened
    return dropped || session === undefined || ended.has(session.id) ? undefined : session
  }

  function linesOf (session: Session): string[] {
    received ??= jar.read('session', request.headers.cookie)
    // The idle time is judged here, not by the browser, which knows nothing of a use that sends no cookie.
    const maxAgeSeconds = Math.ceil((session.createdAt + limits.maxMs - now()) / 1000)
    return jar.write('session', seal.seal('session', session), maxAgeSeconds, received)
  }

  return {
    get opened () { return toWrite ?? opened },
    peek: current,
    use () {
      const session = current()
      if (session === undefined || now() - writtenUse <= writeAfterMs) return session
      toWrite = { ...session, usedAt: now() }
      return toWrite
    },
    demandRoom: linesOf,
    replace (session) {
      // Here, where its error is the answer: in the onSend hook it would be too late.
      linesOf(session)
      toWrite = session
      writtenUse = session.usedAt
      dropped = false
    },
    drop () {
      dropped = true
      if (received?.value !== undefined) seal.forget(received.value)
    },
    get writes () { return dropped || toWrite !== undefined },
    async catchUp () {
      if (toWrite !== undefined) await follow(toWrite.tokens)
    },
    cookieLines () {
      if (dropped) return jar.clear('session')
      // A slow answer that was under way when the user signed out must not bring the session back.
      if (toWrite === undefined || ended.has(toWrite.id)) return []
      // An answer that took long must not bring older tokens into the browser than it may have got meanwhile, here or at a replica.
      try {
        const lines = linesOf({ ...toWrite, tokens: newest(toWrite.tokens) })
        signals.emit('cookieSet', 'session', cookieBytes(lines))
        return lines
      } catch {
        // Those do not fit, which the request that renewed them was told.
        return []
      }
    }
  }
}
