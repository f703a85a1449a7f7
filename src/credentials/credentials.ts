import type { FastifyBaseLogger } from 'fastify'
import type { Grant, Session } from '../session/record.js'
import type { RequestSession } from '../session/request-session.js'

/** The request that a token is for: a renewed grant is stored with its answer. */
export interface GrantHolder {
  readonly log: FastifyBaseLogger
  readonly qlikSession: Pick<RequestSession, 'peek' | 'replace'>
}

/** A request whose token the tenant has refused. */
export interface RefusedRequest extends GrantHolder {
  readonly method: string
  readonly target: { readonly path: string }
}

/** A session that goes on with new tokens. */
export interface Succession {
  readonly session: Session
  /** Other replicas know, as far as they can be told. Never rejects. */
  readonly told: Promise<unknown>
}

/** How a session gets an access token, and gives it back. Forwarding knows nothing else of tokens. */
export interface Credentials {
  /**
   * An access token that the tenant should accept, renewed if it is due; no promise where one serves. Raises GW-NO-SESSION,
   * GW-TOKEN-LIMIT, GW-CLIENT-REFUSED, GW-TENANT-BUSY, and GW-SESSION-TOO-LARGE when cookies cannot hold the new grant.
   */
  accessToken (session: Session, holder: GrantHolder): string | Promise<string>
  /**
   * Another token than the one that the tenant has just refused; undefined when no other would be better. Raises the same
   * errors. `isRepeated`: the request is sent again with it; else it is for the next one.
   */
  replaceAccessToken (session: Session, refused: string, holder: RefusedRequest, isRepeated: boolean): Promise<string | undefined>
  /** Whether the session still has a token or can get one, as far as this process knows. Nothing is asked of the tenant. */
  isUsable (session: Session): boolean
  /** The newest grant that this process knows to have followed from this one; this one if there is none. */
  newest (grant: Grant): Grant
  /** The newest access token of a session that this process knows, whether it serves or not, and a number that is greater for each newer one. */
  latest (session: Session): { accessToken: string, generation: number } | undefined
  /** Learns from other replicas what followed from a grant, as far as they can be asked. Never rejects. */
  follow (grant: Grant): Promise<void>
  /**
   * Puts the tokens of a new sign-in in the place of those that their user had in these records of a session, which are given back: cookies of
   * before lead to the new ones.
   */
  succeed (previous: readonly Session[], next: Session, log: FastifyBaseLogger): Succession
  /** Gives back what a session holds at the tenant: at logout, at replacement, after a login that failed. Nobody waits for it. */
  release (session: Session, log: FastifyBaseLogger): void
  /** Gives up what still waits for another attempt. */
  close (): void
}
