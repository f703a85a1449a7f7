import { randomBytes } from 'node:crypto'
import { GatewayError } from '../errors.js'

/** The tokens of one answer of the token endpoint. */
export interface TokenSet {
  readonly accessToken: string
  /** Absent without the scope offline_access. The session then ends with its access token. */
  readonly refreshToken?: string
  /** In ms since the epoch. */
  readonly grantedAt: number
  readonly endsAt: number
  /** The number of answers since the login: 0 for the first. */
  readonly generation: number
}

/** Tokens that can be renewed. */
export type RenewableTokens = TokenSet & { readonly refreshToken: string }

/** Whether these tokens can be renewed. */
export function isRenewable (tokens: TokenSet): tokens is RenewableTokens {
  return tokens.refreshToken !== undefined
}

/** The user for whom the gateway gets tokens (impersonation). Such a session holds no token. */
export interface UserGrant {
  /** The user at the tenant: the subject or the id, as `identityLookup` says. */
  readonly user: string
  /** A hash of what the host application last said of the user. If it says something else, the user is looked up again. */
  readonly statement: string
}

/** How a session gets its access tokens: it holds them, or names the user for whom the gateway gets them. */
export type Grant = TokenSet | UserGrant

/** What is sealed in the session cookie. The keys of the seal bind it to its tenant. */
export interface Session<Held extends Grant = Grant> {
  /** The version of this format. A replica that does not know it must not guess. */
  readonly v: 1
  /** Random. A login makes a new one; a refresh keeps it. */
  readonly id: string
  /** In ms since the epoch. */
  readonly createdAt: number
  /** When the session was last used, as far as the cookie says. In ms since the epoch. */
  readonly usedAt: number
  /** Who is signed in: the `sub` of the access token, or the id of `users/me` if the token is opaque; absent if neither is known. */
  readonly subject?: string
  /** How the session gets its access tokens. */
  readonly grant: Held
}

export interface SessionLimits { idleMs: number, maxMs: number }

/** A session that begins now. */
export function startSession<Held extends Grant> (grant: Held, now: number, id = randomBytes(16).toString('base64url')): Session<Held> {
  return { v: 1, id, createdAt: now, usedAt: now, grant }
}

/** The tokens of a grant. Raises GW-NO-SESSION for a grant that names a user, which belongs to another source of credentials. */
export function tokensOf (grant: Grant): TokenSet {
  if ('user' in grant) throw new GatewayError('GW-NO-SESSION')
  return grant
}

/** The user of a grant. Raises GW-NO-SESSION for a grant that holds tokens. */
export function userOf (grant: Grant): UserGrant {
  if (!('user' in grant)) throw new GatewayError('GW-NO-SESSION')
  return grant
}

/** Checks that what was sealed is a session, and returns the same object; undefined for another format, which another replica may know. */
export function readSession (sealed: unknown): Session | undefined {
  const { v, id, createdAt, usedAt, subject = '', grant } = Object(sealed) as Partial<Session>
  const isSession = v === 1 && areStrings(id, subject) && areNumbers(createdAt, usedAt) && isGrant(grant)
  return isSession ? sealed as Session : undefined
}

function isGrant (grant: unknown): boolean {
  const { user, statement } = Object(grant) as Partial<UserGrant>
  return user === undefined ? isTokenSet(grant) : areStrings(user, statement)
}

/** Whether a value that was sealed is a set of tokens. */
export function isTokenSet (value: unknown): value is TokenSet {
  const { accessToken, refreshToken = '', grantedAt, endsAt, generation } = Object(value) as Partial<TokenSet>
  return areStrings(accessToken, refreshToken) && areNumbers(grantedAt, endsAt, generation)
}

function areStrings (...values: unknown[]): boolean {
  return values.every(value => typeof value === 'string')
}

function areNumbers (...values: unknown[]): boolean {
  return values.every(value => typeof value === 'number')
}

/** When a session ends unless it is used again, in ms since the epoch. */
export function sessionEndsAt (session: Session, limits: SessionLimits): number {
  return Math.min(session.createdAt + limits.maxMs, session.usedAt + limits.idleMs)
}
