import type { FastifyInstance } from 'fastify'
import { CookieSession } from '../session/cookie-session.js'
import type { TenantRegistry } from './registry.js'

const registriesOf = new WeakMap<FastifyInstance['server'], Set<TenantRegistry>>()

/**
 * Decorates requests of the whole application with `qlikUser()`, which asks this gateway and those registered before
 * it.
 */
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
      // A renewed grant is kept in memory. The gateway's next own answer writes it into the cookie.
      const holder = { log: this.log, qlikSession: { peek: () => session, replace () {} } }
      try {
        const newest = () => credentials.accessToken(session, holder)
        return await api.readProfile(session.id, await newest(), newest)
      } catch (error) {
        this.log.info({ failure: (error as Error).message }, 'the tenant does not say who is signed in')
        return undefined
      }
    }
    return undefined
  })
}
