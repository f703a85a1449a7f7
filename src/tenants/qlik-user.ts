import type { FastifyInstance } from 'fastify'
import { CookieSession } from '../session/cookie-session.js'
import type { Profile } from './profile.js'
import type { Tenant } from './tenant.js'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * The user who is signed in at a gateway of this application, as the tenant describes them (`GET /api/v1/users/me`): at least an id, usually
     * name, email and more. Undefined when nobody is, or when the tenant gives no description now. It is for routes of the host application: it
     * does not prolong the session and sets no cookie. The tenant is asked once in five minutes for each session.
     */
    qlikUser (): Promise<Profile | undefined>
  }
}

const tenantsOf = new WeakMap<FastifyInstance['server'], Set<Tenant>>()

// A renewed grant is remembered, and stored with the next answer of the gateway itself.
const storesNothing = { replace () {}, drop () {} }

/** Lets requests of the whole application ask who is signed in at this tenant's gateway, or at another that has been added before. */
export function addQlikUser (app: FastifyInstance, tenant: Tenant): void {
  const tenants = tenantsOf.get(app.server) ?? new Set()
  tenantsOf.set(app.server, tenants.add(tenant))
  app.addHook('onClose', async () => { tenants.delete(tenant) })
  if (app.hasRequestDecorator('qlikUser')) return
  app.decorateRequest('qlikUser', async function () {
    for (const { sessions, credentials, api } of tenants) {
      const session = new CookieSession(this, sessions).peek()
      if (session === undefined) continue
      try {
        return await api.readProfile(session.id, await credentials.accessToken(session, { log: this.log, qlikSession: storesNothing }))
      } catch (error) {
        this.log.info({ failure: (error as Error).message }, 'the tenant does not say who is signed in')
        return undefined
      }
    }
    return undefined
  })
}
