import type { Session } from './record.js'

/** The session of one request: opened when something asks for it, written once, with the answer. */
export interface RequestSession {
  /** Whether the request proves, by more than its headers, which page sent it: then it needs no CSRF token. */
  readonly provesOrigin: boolean
  /** The session as far as it is known: undefined until something has asked for it. For the log alone. */
  readonly opened: Session | undefined
  /** The session without counting as use. */
  peek (): Session | undefined
  /** The session, counted as used. */
  use (): Session | undefined
  /** Whether a session cookie came at all, of any content. */
  readonly arrived: boolean
  /** Every session in the cookies that came, whether it lives or not: of the other cookie mode and doubled ones too. */
  all (): Session[]
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
  /** The session for the header of the answer, where the page holds it and has to have it anew. */
  renewed? (): string | undefined
  /** A ticket for one socket or stream of events, where the page holds the session. */
  issueTicket? (): string
}

declare module 'fastify' {
  interface FastifyRequest { qlikSession: RequestSession }
}
