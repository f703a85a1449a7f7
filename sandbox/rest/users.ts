import { Refusal } from '../front/errors.js'
import type { Group, ProviderType } from '../oauth/groups.js'
import type { User } from '../oauth/users.js'
import { refuseAllButAdministrators } from './administration.js'
import { readFilter } from './filter.js'
import { cutPage } from './paging.js'
import { tenantId, type RouteSet } from './resources.js'

interface NewUser { subject?: unknown, name?: unknown, email?: unknown }
interface Assignment { name?: unknown, providerType?: unknown }

/**
 * /api/v1/users: `me` redirects to the user's own resource, as at a tenant. Administrators create users and assign
 * custom groups.
 */
export const addUserRoutes: RouteSet = (app, { names, users }) => {
  const onRequest = refuseAllButAdministrators
  const describeGroups = (groups: string[], providerType: ProviderType): object[] => {
    return groups.map(name => ({ id: users.groups.get(name, providerType)?.id, name, providerType }))
  }
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
    assignedGroups: [...describeGroups(user.idpGroups, 'idp'), ...describeGroups(user.customGroups, 'custom')],
    assignedRoles: [],
    createdAt: user.createdAt,
    lastUpdatedAt: user.lastUpdatedAt,
    links: { self: { href: `${names.origin}/api/v1/users/${user.id}` } }
  })
  const find = (id: string): User => {
    const user = users.get(id)
    if (!user) throw new Refusal(404, 'USERS-404', 'Not found', `There is no user ${id}.`)
    return user
  }

  app.get('/api/v1/users/me', async (request, reply) => await reply.redirect(`${names.origin}/api/v1/users/${request.caller.id}`, 302))

  app.get<{ Querystring: { filter?: string } }>('/api/v1/users', async request => {
    const found = users.list().filter(readFilter(request.query.filter, ['subject', 'id', 'name', 'email']))
    const { data, links } = cutPage(request, names.origin, found)
    return { data: data.map(describe), links }
  })

  app.get<{ Params: { id: string } }>('/api/v1/users/:id', async request => describe(find(request.params.id)))

  app.post<{ Body: NewUser | null }>('/api/v1/users', { onRequest }, async (request, reply) => {
    const { subject, name, email = '' } = request.body ?? {}
    if (typeof subject !== 'string' || subject === '' || typeof name !== 'string' || typeof email !== 'string') {
      throw new Refusal(400, 'USERS-400', 'Bad request', 'A user takes a subject, a name and an e-mail address.')
    }
    const user = users.create(subject, { name, email })
    if (user === undefined) throw new Refusal(409, 'USERS-409', 'Conflict', `There is a user with the subject ${subject}.`)
    return await reply.code(201).send(describe(user))
  })

  app.patch<{ Params: { id: string }, Body: unknown }>('/api/v1/users/:id', { onRequest }, async (request, reply) => {
    const user = find(request.params.id)
    const judged = readAssignments(request.body).map(assignment => ({ assignment, group: findGroup(assignment) }))
    users.assignGroups(user.id, judged.flatMap(({ group }) => group ?? []))
    const refused = judged.filter(({ group }) => group === undefined)
    if (refused.length === 0) return await reply.code(204).send()
    // The format of this response is a guess.
    const data = judged.map(({ assignment: { name }, group }) => ({ name, status: group === undefined ? 400 : 200 }))
    return await reply.code(207).send({ data })
  })

  // Only existing custom groups can be assigned, not those of an identity provider.
  const findGroup = ({ name, providerType }: Assignment): Group | undefined => {
    return providerType === 'custom' ? users.groups.get(String(name), 'custom') : undefined
  }
}

function readAssignments (patches: unknown): Assignment[] {
  const [patch] = Array.isArray(patches) && patches.length === 1 ? patches as { op?: unknown, path?: unknown, value?: unknown }[] : []
  if (patch?.op !== 'replace' || patch.path !== '/assignedGroups' || !Array.isArray(patch.value)) {
    throw new Refusal(400, 'USERS-400', 'Bad request', 'The sandbox replaces /assignedGroups by a list, and nothing else.')
  }
  return patch.value as Assignment[]
}
