import type { Session } from './record.js'

/** The session of one request. It is opened when something asks for it, and written once, with the answer. */
export interface RequestSession {
  /** Whether a proof of possession shows which page sent the request. It needs no CSRF token then. */
  readonly provesOrigin: boolean
  /** The session if it has been opened already. For the log alone. */
  readonly opened: Session | undefined
  /** The session; this does not count as use. */
  peek (): Session | undefined
  /** The session; this counts as use. */
  use (): Session | undefined
  /** Whether the request has a session cookie, whatever it holds. */
  readonly arrived: boolean
  /** All sessions in the cookies of the request: expired ones, duplicates and those of the other cookie mode too. */
  all (): Session[]
  /** Raises GW-SESSION-TOO-LARGE when a session does not fit into cookies. */
  requireFit (session: Session): void
  /** Stores a session with the answer: a new one, or one with renewed tokens. Raises GW-SESSION-TOO-LARGE. */
  replace (session: Session): void
  /** Deletes the cookie with the answer, in all its parts. */
  drop (): void
  /** Whether the answer will set cookies. */
  readonly writes: boolean
  /** If the answer will store a session, asks the other replicas for newer tokens of it. */
  askReplicas (): Promise<void>
  /** The Set-Cookie lines of the answer. */
  cookieLines (): string[]
  /** The sealed session for the header of the answer, if the page holds it and needs the new one. */
  renewed? (): string | undefined
  /** A ticket for one socket, event stream or redirect, if the page holds the session. */
  issueTicket? (): string
}

declare module 'fastify' {
  interface FastifyRequest { qlikSession: RequestSession }
}
