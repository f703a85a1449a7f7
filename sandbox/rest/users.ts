import { Refusal } from '../front/errors.js'
import type { User } from '../oauth/users.js'
import { cutPage } from './paging.js'
import { tenantId, type RouteSet } from './resources.js'

/** /api/v1/users: `me` redirects to the user's own resource, as a tenant does. */
export const addUserRoutes: RouteSet = (app, { names, users }) => {
  const describe = (user: User): Record<string, unknown> => ({
    id: user.id,
    tenantId,
    name: user.name,
    email: user.email,
    subject: user.subject,
    status: users.isDisabled(user.id) ? 'disabled' : 'active',
    locale: user.locale,
    preferredLocale: user.locale,
    zoneinfo: 'Europe/Stockholm',
    picture: `${names.origin}/assets/avatar.svg`,
    assignedGroups: user.groups.map(name => ({ id: `group-${name.toLowerCase()}`, name, providerType: 'idp' })),
    assignedRoles: [],
    createdAt: user.createdAt,
    lastUpdatedAt: user.lastUpdatedAt,
    links: { self: { href: `${names.origin}/api/v1/users/${user.id}` } }
  })

  app.get('/api/v1/users/me', async (request, reply) => await reply.redirect(`${names.origin}/api/v1/users/${request.caller.id}`, 302))

  app.get('/api/v1/users', async request => {
    const { data, links } = cutPage(request, names.origin, users.list())
    return { data: data.map(describe), links }
  })

  app.get<{ Params: { id: string } }>('/api/v1/users/:id', async request => {
    const user = users.get(request.params.id)
    if (!user) throw new Refusal(404, 'USERS-404', 'Not found', `There is no user ${request.params.id}.`)
    return describe(user)
  })
}
