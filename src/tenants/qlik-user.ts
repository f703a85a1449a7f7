import type { FastifyInstance } from 'fastify'
import { CookieSession } from '../session/cookie-session.js'
import type { Profile } from './profile.js'
import type { TenantRegistry } from './registry.js'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * The user who is signed in at a gateway of this application, as the tenant describes them (`GET
     * /api/v1/users/me`): at least an id, usually name, email and more. Undefined when nobody is, or when the tenant
     * gives no description now. It is for routes of the host application: it does not prolong the session and sets no
     * cookie. The tenant is asked once in five minutes for each session.
     */
    qlikUser (): Promise<Profile | undefined>
  }
}

const registriesOf = new WeakMap<FastifyInstance['server'], Set<TenantRegistry>>()

/** Lets requests of the whole application ask who is signed in at this gateway, or at another that has been added before. */
export function addQlikUser (app: FastifyInstance, registry: TenantRegistry): void {
  const registries = registriesOf.get(app.server) ?? new Set()
  registriesOf.set(app.server, registries.add(registry))
  app.addHook('onClose', async () => { registries.delete(registry) })
  if (app.hasRequestDecorator('qlikUser')) return
  app.decorateRequest('qlikUser', async function () {
    const tenants = [...registries].flatMap(registry => registry.at(this.headers.host))
    for (const { sessions, credentials, api } of tenants) {
      const session = new CookieSession(this, sessions).peek()
      if (session === undefined) continue
      // A renewed grant is remembered, and stored with the next answer of the gateway itself.
      const holder = { log: this.log, qlikSession: { peek: () => session, replace () {} } }
      try {
        return await api.readProfile(session.id, await credentials.accessToken(session, holder))
      } catch (error) {
        this.log.info({ failure: (error as Error).message }, 'the tenant does not say who is signed in')
        return undefined
      }
    }
    return undefined
  })
}
