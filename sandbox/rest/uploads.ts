import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../front/errors.js'
import type { StoredFile, UploadStore } from './upload-store.js'

/** The body of a request as a stream. */
export function readUpload ({ body }: FastifyRequest): Readable {
  return body instanceof Readable ? body : Readable.from([])
}

/** Sends a stored file, or the part that the `Range` header asks for (RFC 9110, section 14). */
export async function sendFile (
  request: FastifyRequest,
  reply: FastifyReply,
  store: UploadStore,
  file: StoredFile,
  type: string,
  disposition: 'attachment' | 'inline'
): Promise<FastifyReply> {
  reply
    .type(type)
    .header('accept-ranges', 'bytes')
    .header('etag', `"${file.id}-${file.size}"`)
    .header(
      'content-disposition',
      `${disposition}; filename="${encodeURIComponent(file.name)}"; filename*=UTF-8''${encodeURIComponent(file.name)}`
    )
  const range = readRange(request.headers.range, file)
  const { start, end } = range ?? { start: 0, end: file.size - 1 }
  if (range) reply.code(206).header('content-range', `bytes ${start}-${end}/${file.size}`)
  reply.header('content-length', end - start + 1)
  return await reply.send(file.size === 0 ? Readable.from([]) : store.read(file, start, end))
}

function readRange (header: string | undefined, { size }: StoredFile): { start: number, end: number } | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || first + last === '') return undefined
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(size - 1, Number(last))
  if (start > end) {
    throw new Refusal(416, 'TEMP-416', 'Range not satisfiable', `The file has ${size} bytes.`, { 'content-range': `bytes */${size}` })
  }
  return { start, end }
}
