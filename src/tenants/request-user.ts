import type { Profile } from './profile.js'

/** A user as the tenant describes them. */
export type QlikUser = Profile

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * The user who is signed in at a gateway of this application, as the tenant describes them (`GET
     * /api/v1/users/me`): at least an id, usually a name, an e-mail address and more. Undefined when nobody is signed
     * in, or when the tenant gives no description now.
     * It is meant for routes of the host application: it does not prolong the session and sets no cookie. The tenant is
     * asked once in five minutes for each session.
     */
    qlikUser (): Promise<QlikUser | undefined>
  }
}
