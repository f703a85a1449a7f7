import { createHash } from 'node:crypto'
import { Refusal } from '../front/errors.js'
import { cutPage } from './paging.js'
import { tenantId, type AppSummary, type RouteSet } from './resources.js'
import { sharedSpaceId } from './spaces.js'

const createdAt = '2025-01-15T08:00:00Z'

// In addition to the apps, enough other items for several pages.
const otherItems = Array.from({ length: 23 }, (_none, index) => ({
  id: `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`,
  name: `Note ${index + 1}`,
  description: 'Fills the pages of the list.'
}))

/** /api/v1/items: the items in a user's hub, with absolute links between the pages. */
export const addItemRoutes: RouteSet = (app, { names, apps }) => {
  const describe = (resourceType: string, { id, name, description }: AppSummary): Record<string, unknown> => {
    const itemId = createHash('sha256').update(id).digest('hex').slice(0, 24)
    return {
      id: itemId,
      name,
      description,
      resourceId: id,
      resourceType,
      resourceAttributes: { id, name, description, hasSectionAccess: resourceType === 'app', published: true },
      resourceCustomAttributes: null,
      resourceCreatedAt: createdAt,
      resourceUpdatedAt: createdAt,
      resourceSize: { appFile: 0, appMemory: 0 },
      spaceId: sharedSpaceId,
      tenantId,
      createdAt,
      updatedAt: createdAt,
      actions: ['read'],
      collectionIds: [],
      isFavorited: false,
      meta: { isFavorited: false, actions: ['read'], tags: [], collections: [] },
      links: {
        self: { href: `${names.origin}/api/v1/items/${itemId}` },
        open: { href: `${names.origin}/sense/app/${id}` },
        collections: { href: `${names.origin}/api/v1/items/${itemId}/collections` }
      }
    }
  }
  const all = [...apps.map(summary => describe('app', summary)), ...otherItems.map(summary => describe('note', summary))]

  app.get<{ Querystring: { resourceType?: string, name?: string, resourceId?: string } }>('/api/v1/items', async request => {
    const { resourceType, name, resourceId } = request.query
    const wanted = all.filter(item => (!resourceType || resourceType.split(',').includes(String(item.resourceType))) &&
      (!name || String(item.name).toLowerCase().includes(name.toLowerCase())) &&
      (!resourceId || item.resourceId === resourceId))
    return cutPage(request, names.origin, wanted)
  })

  app.get<{ Params: { id: string } }>('/api/v1/items/:id', async request => {
    const item = all.find(({ id }) => id === request.params.id)
    if (!item) throw new Refusal(404, 'ITEMS-404', 'Not found', `There is no item ${request.params.id}.`)
    return item
  })
}
