import multipart from '@fastify/multipart'
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
    id,
    name,
    baseName: name,
    size,
    ownerId,
    spaceId: sharedSpaceId,
    createdDate: createdAt,
    modifiedDate: createdAt,
    contentUpdatedDate: createdAt,
    folder: false,
    actions: ['read', 'delete']
  })

  app.post('/api/v1/data-files', async (request, reply) => {
    let file: StoredFile | undefined
    let name: string | undefined
    for await (const part of request.parts()) {
      // A browser's FormData sends a JSON Blob as a file.
      if (part.fieldname === 'Json') name = readName(part.type === 'file' ? (await part.toBuffer()).toString() : part.value)
      else if (part.type === 'file') file = await store.save(part.filename, part.file)
    }
    if (!file) throw new Refusal(400, 'DF-400', 'Bad request', 'The form has no part "File".')
    file.name = name ?? file.name
    ids.add(file.id)
    return await reply.code(201).send(describe(file, request.caller.id))
  })

  app.get('/api/v1/data-files', async request => {
    const page = cutPage(request, names.origin, store.list().filter(({ id }) => ids.has(id)))
    return { ...page, data: page.data.map(file => describe(file, request.caller.id)) }
  })

  // Not part of a real tenant's public API. Tests compare uploads with it.
  app.get<{ Params: { id: string } }>('/api/v1/data-files/:id/content', async (request, reply) => {
    const file = store.get(request.params.id)
    if (!file) throw new Refusal(404, 'DF-404', 'Not found', `There is no file ${request.params.id}.`)
    return await sendFile(request, reply, store, file, 'application/octet-stream', 'attachment')
  })
}

// Text, or an object if the part has the content type JSON.
function readName (value: unknown): string | undefined {
  const json: unknown = typeof value === 'string' ? JSON.parse(value) : value
  return typeof json === 'object' && json && 'name' in json && typeof json.name === 'string' ? json.name : undefined
}
