import { randomBytes } from 'node:crypto'
import { GatewayError } from '../errors.js'

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

/** Whom tokens are asked for, where the host application says who its user is. No token is in such a session. */
export interface UserGrant {
  /** The user at the tenant, by subject or id as the tenant's options say. */
  readonly user: string
  /** A hash of all that was said of the user when the session began, or when it was last said otherwise. */
  readonly statement: string
}

/** How a session gets its access tokens: it holds them, or names the user that they are asked for. */
export type Grant = TokenSet | UserGrant

/** What the session cookie holds, sealed. Its keys bind it to its tenant. */
export interface Session<Held extends Grant = Grant> {
  /** The version of this format: a replica of another version must not guess. */
  readonly v: 1
  /** Random, new with each login, the same through every refresh. */
  readonly id: string
  /** In ms since the epoch. */
  readonly createdAt: number
  /** When the session was last used: as the cookie says, or later where something holds it in use. */
  readonly usedAt: number
  /** Who is signed in: the `sub` of the access token, or the id of `users/me` where that is opaque; absent where neither says it. */
  readonly subject?: string
  /** How the session gets its access tokens. */
  readonly grant: Held
}

export interface SessionLimits { idleMs: number, maxMs: number }

/** A session that begins now. */
export function startSession<Held extends Grant> (grant: Held, now: number, id = randomBytes(16).toString('base64url')): Session<Held> {
  return { v: 1, id, createdAt: now, usedAt: now, grant }
}

/** The tokens of a grant that holds some. Raises GW-NO-SESSION for one that names a user: it belongs to another source of credentials. */
export function tokensOf (grant: Grant): TokenSet {
  if ('user' in grant) throw new GatewayError('GW-NO-SESSION')
  return grant
}

/** The user of a grant that names one. Raises GW-NO-SESSION for one that holds tokens. */
export function userOf (grant: Grant): UserGrant {
  if (!('user' in grant)) throw new GatewayError('GW-NO-SESSION')
  return grant
}

/** The session in what was sealed, the same object; undefined for another format, which is no session here and may be one at another replica. */
export function readSession (sealed: unknown): Session | undefined {
  const { v, id, createdAt, usedAt, subject = '', grant } = Object(sealed) as Partial<Session>
  const complete = v === 1 && [id, subject].every(text => typeof text === 'string') && [createdAt, usedAt].every(number => typeof number === 'number') && isGrant(grant)
  return complete ? sealed as Session : undefined
}

function isGrant (grant: unknown): boolean {
  const { accessToken, refreshToken = '', grantedAt, endsAt, generation, user, statement } = Object(grant) as Partial<TokenSet & UserGrant>
  if (user !== undefined) return [user, statement].every(text => typeof text === 'string')
  return [accessToken, refreshToken].every(text => typeof text === 'string') && [grantedAt, endsAt, generation].every(number => typeof number === 'number')
}

/** When a session ends if it is not used again. */
export function sessionEndsAt (session: Session, limits: SessionLimits): number {
  return Math.min(session.createdAt + limits.maxMs, session.usedAt + limits.idleMs)
}
