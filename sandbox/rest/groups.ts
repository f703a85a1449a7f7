import { Refusal } from '../front/errors.js'
import type { Group } from '../oauth/groups.js'
import { refuseAllButAdministrators } from './administration.js'
import { readFilter } from './filter.js'
import { cutPage } from './paging.js'
import { tenantId, type RouteSet } from './resources.js'

interface NewGroup { name?: unknown, status?: unknown, providerType?: unknown }

/** /api/v1/groups: groups of the identity provider come with its users, custom ones are created here. */
export const addGroupRoutes: RouteSet = (app, { names, users: { groups } }) => {
  const onRequest = refuseAllButAdministrators
  const describe = (group: Group): object => ({
    ...group,
    tenantId,
    assignedRoles: [],
    lastUpdatedAt: group.createdAt,
    links: { self: { href: `${names.origin}/api/v1/groups/${group.id}` } }
  })

  app.get<{ Querystring: { filter?: string } }>('/api/v1/groups', { onRequest }, async request => {
    const found = groups.list().filter(readFilter(request.query.filter, ['name', 'id', 'providerType']))
    const { data, links } = cutPage(request, names.origin, found)
    return { data: data.map(describe), links }
  })

  app.post<{ Body: NewGroup | null }>('/api/v1/groups', { onRequest }, async (request, reply) => {
    const { name, status, providerType } = request.body ?? {}
    if (typeof name !== 'string' || name === '' || status !== 'active' || providerType !== 'custom') {
      throw new Refusal(400, 'GROUPS-400', 'Bad request', 'A group takes a name, the status "active" and the providerType "custom".')
    }
    const group = groups.create(name, providerType)
    if (group === undefined) throw new Refusal(409, 'GROUPS-409', 'Conflict', `There is a group ${name}.`)
    return await reply.code(201).send(describe(group))
  })
}
