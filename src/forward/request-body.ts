import type { FastifyRequest } from 'fastify'
import { PassThrough, Readable, type Transform } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Links } from '../tenants/links.js'
import type { Headers } from './headers.js'
import { jsonCodingOf, mayHoldLinks } from './json.js'

// Most documents that are saved; they keep an exact length, which some servers insist on.
const mostCollected = 65_536

/** What is sent of a request's body, if it has one; its headers are made to say the same. */
export type RequestBody = Readable | Buffer | null

/**
 * The body for the tenant. In JSON of the API, strings that begin with the public URL get the tenant's own address
 * back: what was read through the gateway and is saved through it would be stored with the gateway's. All else,
 * compressed JSON too, is passed on as it comes.
 */
export function readBody ({ raw, target, body, tenant: { links } }: FastifyRequest, headers: Headers): RequestBody | Promise<RequestBody> {
  if (!(body instanceof Readable)) return null
  if (!mayHoldLinks(target.path) || jsonCodingOf(raw.headers) !== 'identity') return lead(body, new PassThrough())
  if (Number(raw.headers['content-length']) <= mostCollected) return collect(body, links, headers)
  // Nobody knows it before the end.
  delete headers['content-length']
  dropDigests(headers)
  return lead(body, links.toTenant.rewriteStream())
}

/**
 * Leads a body on through a stream that the dispatcher may destroy, as it does when the tenant breaks off or answers
 * early. What still comes is read and dropped: a request that was destroyed itself would leave its connection unread,
 * and the client would wait for ever to send the rest.
 */
function lead (body: Readable, through: Transform): Transform {
  body.on('error', error => { through.destroy(error) })
  // Behind the listener of `pipe`, which pauses it.
  return body.pipe(through).on('close', () => { body.resume() })
}

async function collect (body: Readable, links: Links, headers: Headers): Promise<Buffer> {
  const given = await buffer(body)
  const restored = links.toTenant.rewriteWhole(given)
  if (restored !== given) dropDigests(headers)
  headers['content-length'] = String(restored.length)
  return restored
}

/** Takes away what describes other bytes. */
function dropDigests (headers: Headers): void {
  for (const name of ['content-digest', 'repr-digest', 'digest', 'content-md5']) delete headers[name]
}
