import { randomBytes } from 'node:crypto'
import { Refusal } from '../front/errors.js'
import { cutPage } from './paging.js'
import { refuseAllButAdministrators } from './administration.js'
import type { RouteSet } from './resources.js'

interface Patch { op: string, path: string, value: unknown }
interface Provider extends Record<string, unknown> { id: string, pendingOptions: Record<string, unknown> }

/**
 * /api/v1/identity-providers: stored and listed, without an effect on logins. As at a tenant, secrets are never shown.
 */
export const addIdentityProviderRoutes: RouteSet = (app, { names }) => {
  const onRequest = refuseAllButAdministrators
  const providers: Provider[] = []
  const describe = ({ pendingOptions: { clientSecret, ...pendingOptions }, ...provider }: Provider): object =>
    ({ ...provider, pendingOptions })

  app.get('/api/v1/identity-providers', { onRequest }, async request => {
    const { data, links } = cutPage(request, names.origin, providers)
    return { data: data.map(describe), links }
  })

  app.post<{ Body: Partial<Provider> }>('/api/v1/identity-providers', { onRequest }, async (request, reply) => {
    const { protocol, provider, interactive, pendingOptions } = request.body
    const missing = ['claimsMapping', 'clientId', 'clientSecret', 'discoveryUrl'].filter(name => !pendingOptions?.[name])
    if (protocol !== 'OIDC' || provider !== 'okta' || interactive !== true || pendingOptions === undefined || missing.length > 0) {
      const detail = `The sandbox takes interactive identity providers of Okta by OIDC. Missing: ${missing.join(', ')}`
      throw new Refusal(400, 'IDP-400', 'Bad request', detail)
    }
    const created = {
      ...request.body,
      id: randomBytes(12).toString('hex'),
      pendingOptions,
      active: false,
      pendingState: 'pending',
      created: new Date().toISOString()
    }
    providers.push(created)
    return await reply.code(201).send(describe(created))
  })

  app.patch<{ Params: { id: string }, Body: Patch[] }>('/api/v1/identity-providers/:id', { onRequest }, async (request, reply) => {
    const found = providers.find(({ id }) => id === request.params.id)
    if (found === undefined) throw new Refusal(404, 'IDP-404', 'Not found', 'There is no such identity provider.')
    for (const { op, path, value } of request.body) {
      if (op !== 'replace' || path !== '/pendingOptions') {
        throw new Refusal(400, 'IDP-400', 'Bad request', `The sandbox replaces /pendingOptions, not ${path}.`)
      }
      found.pendingOptions = value as Provider['pendingOptions']
    }
    return await reply.code(204).send()
  })
}
