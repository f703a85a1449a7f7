import { Refusal } from '../front/errors.js'
import type { User } from '../oauth/users.js'
import { tenantId, type Resources, type RouteSet } from './resources.js'

const features = { SANDBOX: true, FEATURE_THAT_IS_OFF: false }

/** What every client requests first: tenant, features, locale and licence, and all of it together as boot/core-init. */
export const addTenantRoutes: RouteSet = (app, resources) => {
  const facts = listFacts(resources)
  for (const [path, describe] of Object.entries(facts)) app.get(path, async request => describe(request.caller))

  app.get('/api/v1/features', async () => features)

  app.get('/api/v1/boot/core-init', async request => Object.entries(facts).map(([path, describe]) => {
    return { path, method: 'GET', status: 200, data: describe(request.caller) }
  }))

  app.get('/api/v1/csrf-token', async () => {
    throw new Refusal(400, 'CSRF-TOKEN-1', 'Bad request', 'A CSRF token is for browser sessions, not for bearer tokens.')
  })
}

function listFacts ({ names }: Resources): Record<string, (user: User) => unknown> {
  return {
    '/api/v1/tenants/me': () => ({
      id: tenantId,
      name: 'sandbox',
      hostnames: names.hostnames,
      datacenter: 'loopback',
      region: 'sandbox',
      status: 'active',
      created: '2025-01-15T08:00:00Z',
      lastUpdated: '2025-01-15T08:00:00Z',
      links: { self: { href: `${names.origin}/api/v1/tenants/${tenantId}` } }
    }),
    '/api/v1/user-locale': ({ locale }) => ({ locale, preferredLocale: locale }),
    '/api/v1/licenses/status': () => ({
      type: 'Signed',
      status: 'Ok',
      trial: false,
      valid: '2025-01-15/2099-12-31',
      product: 'Sandbox',
      origin: 'Internal'
    }),
    '/api/v1/licenses/allotments/me': ({ subject }) => ({ subject, type: 'professional', status: 'assigned' }),
    '/api/v1/user-settings': () => ({}),
    '/api/v1/tenant-settings': () => ({})
  }
}
