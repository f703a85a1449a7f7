import multipart, { type MultipartFile } from '@fastify/multipart'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { Refusal } from '../front/errors.js'
import { cutPage } from './paging.js'
import type { Resources } from './resources.js'
import { sharedSpaceId } from './spaces.js'
import type { StoredFile } from './upload-store.js'
import { sendFile } from './uploads.js'

/** /api/v1/data-files: files for reloads, uploaded as multipart forms with the parts `Json` and `File`. */
export const dataFiles: FastifyPluginAsync<Resources> = async (app: FastifyInstance, { names, store }) => {
  await app.register(multipart, { limits: { fileSize: Infinity } })
  const ids = new Set<string>()
  const describe = ({ id, name, size, createdAt }: StoredFile, ownerId: string): Record<string, unknown> => ({
    id, name, baseName: name, size, ownerId, spaceId: sharedSpaceId, createdDate: createdAt, modifiedDate: createdAt, contentUpdatedDate: createdAt, folder: false, actions: ['read', 'delete']
  })

  app.post('/api/v1/data-files', async (request, reply) => {
    const part = await request.file()
    if (!part) throw new Refusal(400, 'DF-400', 'Bad request', 'The form has no part "File".')
    const file = await store.save(readName(part) ?? part.filename, part.file)
    ids.add(file.id)
    return await reply.code(201).send(describe(file, request.caller.id))
  })

  app.get('/api/v1/data-files', async request => {
    const page = cutPage(request, names.origin, store.list().filter(({ id }) => ids.has(id)))
    return { ...page, data: page.data.map(file => describe(file, request.caller.id)) }
  })

  // No route of a real tenant's public API: it lets tests compare what has arrived.
  app.get<{ Params: { id: string } }>('/api/v1/data-files/:id/content', async (request, reply) => {
    const file = store.get(request.params.id)
    if (!file) throw new Refusal(404, 'DF-404', 'Not found', `There is no file ${request.params.id}.`)
    return await sendFile(request, reply, store, file, 'application/octet-stream', 'attachment')
  })
}

// The field comes before the file when the client follows the documentation; one that comes later is not awaited.
function readName ({ fields }: MultipartFile): string | undefined {
  const field = fields.Json
  if (!field || Array.isArray(field) || field.type !== 'field') return undefined
  const parsed = JSON.parse(String(field.value)) as { name?: unknown }
  return typeof parsed.name === 'string' ? parsed.name : undefined
}
