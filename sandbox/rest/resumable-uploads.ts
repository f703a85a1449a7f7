import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../front/errors.js'
import type { RouteSet } from './resources.js'
import type { StoredFile } from './upload-store.js'
import { readUpload, sendFile } from './uploads.js'

const version = '1.0.0'
const path = '/api/v1/temp-contents/files'

/** /api/v1/temp-contents/files: resumable uploads by TUS 1.0, with creation and termination. */
export const addResumableUploadRoutes: RouteSet = (app, { names, store }) => {
  const find = (id: string): StoredFile => {
    const file = store.get(id)
    if (!file) throw new Refusal(404, 'TEMP-404', 'Not found', `There is no upload ${id}.`)
    return file
  }
  const begin = (request: FastifyRequest, reply: FastifyReply): void => {
    reply.header('tus-resumable', version).header('cache-control', 'no-store')
    if (request.headers['tus-resumable'] !== version) {
      throw new Refusal(412, 'TEMP-412', 'Precondition failed', `The header Tus-Resumable must be ${version}.`, { 'tus-version': version })
    }
  }

  app.options(
    path,
    async (_request, reply) =>
      await reply.code(204).headers({ 'tus-resumable': version, 'tus-version': version, 'tus-extension': 'creation,termination' }).send()
  )

  app.post(path, async (request, reply) => {
    begin(request, reply)
    const length = Number(request.headers['upload-length'] ?? NaN)
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new Refusal(400, 'TEMP-400', 'Bad request', 'The header Upload-Length must be a number of bytes.')
    }
    const file = await store.create(readFileName(request.headers['upload-metadata']), length)
    return await reply.code(201).header('location', `${names.origin}${path}/${file.id}`).send()
  })

  app.head<{ Params: { id: string } }>(`${path}/:id`, async (request, reply) => {
    begin(request, reply)
    const { size, length } = find(request.params.id)
    return await reply.headers({ 'upload-offset': size, 'upload-length': length }).send()
  })

  app.patch<{ Params: { id: string } }>(`${path}/:id`, async (request, reply) => {
    begin(request, reply)
    const file = find(request.params.id)
    if (request.headers['content-type'] !== 'application/offset+octet-stream') {
      throw new Refusal(415, 'TEMP-415', 'Unsupported media type', 'The body must be application/offset+octet-stream.')
    }
    if (Number(request.headers['upload-offset']) !== file.size) {
      throw new Refusal(409, 'TEMP-409', 'Conflict', `The upload stands at ${file.size} bytes.`)
    }
    if (file.size + Number(request.headers['content-length'] ?? 0) > file.length) {
      throw new Refusal(413, 'TEMP-413', 'Too large', `The upload was announced with ${file.length} bytes.`)
    }
    await store.append(file, readUpload(request))
    return await reply.code(204).header('upload-offset', file.size).send()
  })

  app.delete<{ Params: { id: string } }>(`${path}/:id`, async (request, reply) => {
    begin(request, reply)
    await store.remove(find(request.params.id).id)
    return await reply.code(204).send()
  })

  app.get<{ Params: { id: string } }>(`${path}/:id`, { exposeHeadRoute: false }, async (request, reply) => {
    const file = find(request.params.id)
    return await sendFile(request, reply, store, file, 'application/octet-stream', 'attachment')
  })
}

function readFileName (metadata: string | string[] | undefined): string {
  const pairs = String(metadata ?? '').split(',').map(pair => pair.trim().split(' '))
  const name = pairs.find(([key]) => key === 'filename')?.[1]
  return name === undefined ? 'upload' : Buffer.from(name, 'base64').toString()
}
