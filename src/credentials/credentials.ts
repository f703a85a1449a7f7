import type { FastifyBaseLogger } from 'fastify'
import type { Grant, Session } from '../session/record.js'
import type { RequestSession } from '../session/request-session.js'

/** The request that needs a token. A renewed grant is stored with its answer. */
export interface GrantHolder {
  readonly log: FastifyBaseLogger
  readonly qlikSession: Pick<RequestSession, 'peek' | 'replace'>
}

/** A request whose token the tenant has refused. */
export interface RefusedRequest extends GrantHolder {
  readonly method: string
  readonly target: { readonly path: string }
}

/** A session that continues with the tokens of another sign-in. */
export interface Succession {
  readonly session: Session
  /** Resolves when the other replicas know, or cannot be told. Never rejects. */
  readonly told: Promise<unknown>
}

/** How a session gets its access tokens and gives them back. Forwarding knows no more of tokens than this. */
export interface Credentials {
  /**
   * An access token that the tenant should accept. Returns a promise only if the token must be renewed. Raises
   * GW-NO-SESSION, GW-TOKEN-LIMIT, GW-CLIENT-REFUSED, GW-TENANT-BUSY, and GW-SESSION-TOO-LARGE if cookies cannot hold
   * the new grant.
   */
  accessToken (session: Session, holder: GrantHolder): string | Promise<string>
  /**
   * Another token than the one that the tenant has just refused; undefined if another would be no better. Raises the same errors.
   * `isRepeated` says whether the request is sent again with it, or could not be.
   */
  replaceAccessToken (session: Session, refused: string, holder: RefusedRequest, isRepeated: boolean): Promise<string | undefined>
  /** Whether the session has a token or can get one, as far as this process knows. The tenant is not asked. */
  isUsable (session: Session): boolean
  /** The newest grant that followed from this one, as far as this process knows; this one if there is none. */
  newest (grant: Grant): Grant
  /** The newest access token of a session that this process knows, expired or not. `generation` is greater for each newer token. */
  latest (session: Session): { accessToken: string, generation: number }
  /** Asks the other replicas for newer grants that followed from this one. Never rejects. */
  follow (grant: Grant): Promise<void>
  /**
   * Replaces the tokens that a user had in these records of a session by those of a new sign-in, and revokes them.
   * Older cookies of the session lead to the new tokens.
   */
  succeed (previous: readonly Session[], next: Session, log: FastifyBaseLogger): Succession
  /** Revokes what a session holds at the tenant, in the background: at logout, at replacement, after a login that failed. */
  release (session: Session, log: FastifyBaseLogger): void
  /** Gives up attempts that are still to be made. */
  close (): void
}
