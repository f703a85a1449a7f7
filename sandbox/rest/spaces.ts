import { Refusal } from '../front/errors.js'
import { cutPage } from './paging.js'
import { tenantId, type RouteSet } from './resources.js'

/** The space that contains the sandbox's apps. */
export const sharedSpaceId = '65f0a1b2c3d4e5f60718293a'

const spaces = [
  { id: sharedSpaceId, name: 'Sandbox', type: 'shared', description: 'The apps of the sandbox.' },
  { id: '65f0a1b2c3d4e5f60718293b', name: 'Published', type: 'managed', description: 'Nothing is in here.' },
  { id: '65f0a1b2c3d4e5f60718293c', name: 'Sources', type: 'data', description: 'Nothing is in here.' }
]

/** /api/v1/spaces. */
export const addSpaceRoutes: RouteSet = (app, { names }) => {
  const all = spaces.map(space => ({
    ...space,
    tenantId,
    createdAt: '2025-01-15T08:00:00Z',
    updatedAt: '2025-01-15T08:00:00Z',
    meta: { actions: ['read'], roles: ['consumer'], assignableRoles: [] },
    links: {
      self: { href: `${names.origin}/api/v1/spaces/${space.id}` },
      assignments: { href: `${names.origin}/api/v1/spaces/${space.id}/assignments` }
    }
  }))

  app.get('/api/v1/spaces', async request => ({ ...cutPage(request, names.origin, all), meta: { count: all.length } }))

  app.get<{ Params: { id: string } }>('/api/v1/spaces/:id', async request => {
    const space = all.find(({ id }) => id === request.params.id)
    if (!space) throw new Refusal(404, 'SPACES-404', 'Not found', `There is no space ${request.params.id}.`)
    return space
  })
}
