import { randomBytes } from 'node:crypto'

/** The tokens of a login, as one answer of the token endpoint gave them. */
export interface TokenSet {
  readonly accessToken: string
  /** Absent without the scope offline_access: then the session ends with its access token. */
  readonly refreshToken?: string
  /** In ms since the epoch. */
  readonly grantedAt: number
  readonly endsAt: number
  /** Counts the answers since the login, from 0. */
  readonly generation: number
}

/** Tokens that can be renewed. */
export type RenewableTokens = TokenSet & { readonly refreshToken: string }

/** What the session cookie holds, sealed. Its keys bind it to its tenant. */
export interface Session {
  /** The version of this format: a replica of another version must not guess. */
  readonly v: 1
  /** Random, new with each login, the same through every refresh. */
  readonly id: string
  /** In ms since the epoch. */
  readonly createdAt: number
  /** When the session was last used: as the cookie says, or later where something holds it in use. */
  readonly usedAt: number
  /** How the session gets its access tokens. */
  readonly grant: TokenSet
}

export interface SessionLimits { idleMs: number, maxMs: number }

/** A session that begins now. */
export function startSession (grant: TokenSet, now: number): Session {
  return { v: 1, id: randomBytes(16).toString('base64url'), createdAt: now, usedAt: now, grant }
}

/** The session in what was sealed, the same object; undefined for another format, which is no session here and may be one at another replica. */
export function readSession (sealed: unknown): Session | undefined {
  const { v, id, createdAt, usedAt, grant } = Object(sealed) as Partial<Session>
  const { accessToken, refreshToken = '', grantedAt, endsAt, generation } = Object(grant) as Partial<TokenSet>
  const complete = v === 1 && [id, accessToken, refreshToken].every(text => typeof text === 'string') &&
    [createdAt, usedAt, grantedAt, endsAt, generation].every(number => typeof number === 'number')
  return complete ? sealed as Session : undefined
}

/** When a session ends if it is not used again. */
export function sessionEndsAt (session: Session, limits: SessionLimits): number {
  return Math.min(session.createdAt + limits.maxMs, session.usedAt + limits.idleMs)
}
