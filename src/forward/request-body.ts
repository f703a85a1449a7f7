import type { FastifyRequest } from 'fastify'
import { PassThrough, Readable, type Transform } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Links } from '../tenants/links.js'
import type { Headers } from './headers.js'
import { jsonCodingOf, mayHoldLinks } from './json.js'

// Larger than most documents that are saved. Up to this size a body keeps an exact Content-Length, which some servers
// require.
const mostCollected = 65_536

/** The body to send, if there is one. The request headers are changed to match it. */
export type RequestBody = Readable | Buffer | null

/**
 * Prepares the body for the tenant. In JSON for the API, strings that begin with the public URL get the tenant's own
 * address again: otherwise a document that is read and saved through the gateway would be stored with the gateway's
 * addresses. Everything else, including compressed JSON, is passed on as it comes.
 */
export function readBody ({ raw, target, body, tenant: { links } }: FastifyRequest, headers: Headers): RequestBody | Promise<RequestBody> {
  if (!(body instanceof Readable)) return null
  if (!mayHoldLinks(target.path) || jsonCodingOf(raw.headers) !== 'identity') return lead(body, new PassThrough())
  if (Number(raw.headers['content-length']) <= mostCollected) return collect(body, links, headers)
  // The length is not known before the end.
  delete headers['content-length']
  dropDigests(headers)
  return lead(body, links.toTenant.rewriteStream())
}

/**
 * Pipes a body through a stream that the dispatcher may destroy when the tenant disconnects or answers early. The rest
 * of the body is then read and discarded. If the request itself were destroyed, its connection would no longer be read,
 * and the client would wait forever to send the rest.
 */
function lead (body: Readable, through: Transform): Transform {
  body.on('error', error => { through.destroy(error) })
  // Runs after the `pipe` listener, which pauses the request.
  return body.pipe(through).on('close', () => { body.resume() })
}

async function collect (body: Readable, links: Links, headers: Headers): Promise<Buffer> {
  const given = await buffer(body)
  const restored = links.toTenant.rewriteWhole(given)
  if (restored !== given) dropDigests(headers)
  headers['content-length'] = String(restored.length)
  return restored
}

/** Removes the headers that describe the original bytes. */
function dropDigests (headers: Headers): void {
  for (const name of ['content-digest', 'repr-digest', 'digest', 'content-md5']) delete headers[name]
}
