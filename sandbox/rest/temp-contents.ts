import { Refusal } from '../front/errors.js'
import type { RouteSet } from './resources.js'
import type { StoredFile } from './upload-store.js'
import { readUpload, sendFile } from './uploads.js'

/** /api/v1/temp-contents: temporary files, uploaded in one piece (for TUS see resumable-uploads.ts). */
export const addTempContentRoutes: RouteSet = (app, { names, store }) => {
  const find = (id: string): StoredFile => {
    const file = store.get(id)
    if (!file) throw new Refusal(404, 'TEMP-404', 'Not found', `There is no file ${id}.`)
    return file
  }

  app.post<{ Querystring: { filename?: string } }>('/api/v1/temp-contents', async (request, reply) => {
    const file = await store.save(request.query.filename ?? 'content', readUpload(request))
    return await reply.code(201).header('location', `${names.origin}/api/v1/temp-contents/${file.id}`).send()
  })

  app.get<{ Params: { id: string }, Querystring: { inline?: string } }>('/api/v1/temp-contents/:id', async (request, reply) => {
    const file = find(request.params.id)
    const type = file.name.endsWith('.pdf') ? 'application/pdf' : 'application/octet-stream'
    return await sendFile(request, reply, store, file, type, request.query.inline === '1' ? 'inline' : 'attachment')
  })

  app.get<{ Params: { id: string } }>('/api/v1/temp-contents/:id/details', async request => {
    const file = find(request.params.id)
    return {
      ID: file.id,
      Name: file.name,
      Size: String(file.size),
      CreatedAt: file.createdAt,
      UpdatedAt: file.createdAt,
      CreatorID: request.caller.id,
      TTLSeconds: 3600
    }
  })
}
