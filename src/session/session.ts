import fp from 'fastify-plugin'
import { randomBytes } from 'node:crypto'
import { onRequestHook } from '../hooks.js'
import { createSignals, type Signals } from '../signals.js'
import { CookieSession, type Setting } from './cookie-session.js'
import type { CookieJar } from './cookies.js'
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
  const setting: Setting = {
    newest: tokens => tokens,
    follow: async () => {},
    lastUse: () => 0,
    signals: createSignals(),
    ...options,
    endsAt: session => sessionEndsAt(session, options.limits),
    // Written once a tenth of the idle time has passed, so that most answers set no cookie; at once where a tenth is under a minute.
    writeAfterMs: options.limits.idleMs < 600_000 ? 0 : options.limits.idleMs / 10
  }
  app.decorateRequest('qlikSession')
  app.addHook('onRequest', onRequestHook(request => {
    request.qlikSession = new CookieSession(request, setting)
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
