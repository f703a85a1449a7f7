import { Refusal } from '../front/errors.js'
import type { AppSummary, RouteSet } from './resources.js'
import { sharedSpaceId } from './spaces.js'
import type { StoredFile } from './upload-store.js'
import { readUpload, sendFile } from './uploads.js'

/** /api/v1/apps: the engine's apps, their media, and an import that only stores the file. */
export const addAppRoutes: RouteSet = (app, { apps, store }) => {
  const describe = ({ id, name, description }: AppSummary, ownerId: string): Record<string, unknown> => ({
    attributes: {
      id,
      name,
      description,
      ownerId,
      owner: ownerId,
      spaceId: sharedSpaceId,
      createdDate: '2025-01-15T08:00:00Z',
      modifiedDate: '2025-01-15T08:00:00Z',
      lastReloadTime: '2025-01-15T08:00:00Z',
      published: true,
      publishTime: '2025-01-15T08:00:00Z',
      hasSectionAccess: true,
      encrypted: false,
      isDirectQueryMode: false,
      usage: 'ANALYTICS',
      thumbnail: '',
      dynamicColor: '',
      custom: {}
    },
    privileges: ['read'],
    create: []
  })

  app.get<{ Params: { id: string } }>('/api/v1/apps/:id', async request => {
    const summary = apps.find(({ id }) => id === request.params.id)
    if (!summary) throw new Refusal(404, 'APPS-404', 'Not found', `There is no app ${request.params.id}.`)
    return describe(summary, request.caller.id)
  })

  const media = new Map<string, StoredFile>()
  const mediaPath = '/api/v1/apps/:id/media/files/*'

  app.put<{ Params: { '*': string } }>(mediaPath, async (request, reply) => {
    const former = media.get(request.url)
    media.set(request.url, await store.save(request.params['*'], readUpload(request)))
    if (former) await store.remove(former.id)
    return await reply.code(200).send()
  })

  app.get(mediaPath, async (request, reply) => {
    const file = media.get(request.url)
    if (!file) throw new Refusal(404, 'MEDIA-404', 'Not found', `There is no file ${request.url}.`)
    return await sendFile(request, reply, store, file, 'application/octet-stream', 'inline')
  })

  app.post<{ Querystring: { name?: string } }>('/api/v1/apps/import', async request => {
    const name = request.query.name ?? 'Imported app'
    const file = await store.save(name, readUpload(request))
    return describe(
      { id: file.id, name, description: `A file of ${file.size} bytes; the sandbox keeps it but cannot open it.` },
      request.caller.id
    )
  })
}
