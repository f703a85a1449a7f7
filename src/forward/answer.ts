import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { Links } from '../tenants/links.js'
import type { Answer } from './exchange.js'
import { replaceFrameAncestors } from './frame-ancestors.js'
import { toBrowserHeaders, type Headers } from './headers.js'
import { jsonCodingOf, mayHoldLinks, openStream, openWhole, toAnswerError, type Coding } from './json.js'
import { passThrough } from './streams.js'
import { asksByTag, toBrowserTag } from './validators.js'

/** The request that was answered: the token it was sent with, and the version of the link rules at that time. */
export interface AnsweredBy { accessToken: string | undefined, linksVersion: string }

/**
 * How to treat the body of an answer: rewrite its links at once, rewrite them as it streams, treat it as rewritten
 * although there is no body (HEAD), or pass it on unchanged.
 */
export type Treatment =
  | { kind: 'pass' }
  | { kind: 'rewriteWhole', coding: Coding, body: Buffer }
  | { kind: 'rewriteStream' | 'rewriteHead', coding: Coding }

/** Chooses the treatment by the request and by the status and headers of its answer. */
function chooseTreatment (method: string, path: string, { status, headers, body }: Answer): Treatment {
  const coding = mayHoldLinks(path) ? jsonCodingOf(headers) : undefined
  // A part of a JSON text (206) cannot be parsed, and its range counts the tenant's bytes.
  if (coding === undefined || status === 206) return { kind: 'pass' }
  if (method === 'HEAD') return { kind: 'rewriteHead', coding }
  if (!Buffer.isBuffer(body)) return { kind: 'rewriteStream', coding }
  return body.length === 0 ? { kind: 'pass' } : { kind: 'rewriteWhole', coding, body }
}

/** Sends an answer of the tenant to the browser. */
export function sendAnswer (
  request: FastifyRequest, reply: FastifyReply, answer: Answer, { accessToken, linksVersion }: AnsweredBy
): FastifyReply {
  const { links, api, frameAncestors } = request.tenant
  const { status, headers } = answer
  const treatment = chooseTreatment(request.method, request.target.path, answer)
  const { body, isChanged } = treat(treatment, answer, links)
  const kept = toBrowserHeaders(headers, isChanged ? ofTheTenantsBytes : undefined)
  leadToGateway(kept, links)
  if (/^text\/html\b/i.test(headers['content-type'] ?? '')) {
    delete kept['x-frame-options']
    kept['content-security-policy'] = replaceFrameAncestors(headers['content-security-policy'], frameAncestors)
  }
  if (mayHoldLinks(request.target.path)) kept['cache-control'] ??= 'private, no-store'
  if (treatment.kind !== 'pass') {
    validateBy(toBrowserTag(headers.etag, links.version), kept)
    if (accessToken !== undefined) api.learnHostnames(accessToken, request.log)
  } else if (status === 304) {
    // The body that the client has was rewritten under the rules that applied when it asked.
    const tag = toBrowserTag(headers.etag, linksVersion)
    if (asksByTag(request.raw.headers, tag)) validateBy(tag, kept)
  }
  reply.code(status).headers(kept)
  // Fastify would add a content type and a length that are not the tenant's.
  const isWhole = Buffer.isBuffer(body) && headers['content-type'] !== undefined && request.method !== 'HEAD' && status !== 304
  return isWhole ? reply.send(body) : sendStream(reply, toStream(body), Object.keys(kept))
}

function treat (treatment: Treatment, { body }: Answer, links: Links): { body: Buffer | Readable, isChanged: boolean } {
  switch (treatment.kind) {
    case 'pass': return { body, isChanged: false }
    case 'rewriteHead': return { body, isChanged: true }
    case 'rewriteStream': return { body: rewriteStream(body, treatment.coding, links), isChanged: true }
    case 'rewriteWhole': {
      const opened = openWhole(treatment.body, treatment.coding)
      if (opened === undefined) return { body: rewriteStream(body, treatment.coding, links), isChanged: true }
      const rewritten = links.rewriteWhole(opened)
      // A body without an address of the tenant is passed on as it came, still compressed if it was.
      return rewritten === opened ? { body, isChanged: false } : { body: rewritten, isChanged: true }
    }
  }
}

function rewriteStream (body: Buffer | Readable, coding: Coding, links: Links): Readable {
  return passThrough(openStream(toStream(body), coding), links.rewriteJson(), toAnswerError)
}

function leadToGateway (kept: Headers, links: Links): void {
  if (typeof kept.location === 'string') kept.location = links.rewriteLocation(kept.location)
  if (typeof kept['content-location'] === 'string') kept['content-location'] = links.rewriteLocation(kept['content-location'])
  if (kept.link !== undefined) kept.link = [kept.link].flat().map(links.rewriteLinkHeader)
}

/** A rewritten body also depends on the rewriting rules, so the tenant's date does not describe it. */
function validateBy (tag: string | undefined, kept: Headers): void {
  delete kept['last-modified']
  if (tag === undefined) delete kept.etag
  else kept.etag = tag
}

// RFC 9530 and its predecessors.
const ofTheTenantsBytes = new Set([
  'content-length', 'content-encoding', 'accept-ranges', 'content-digest', 'repr-digest', 'digest', 'content-md5'
])

function toStream (body: Buffer | Readable): Readable {
  if (!Buffer.isBuffer(body)) return body
  return Readable.from(body.length === 0 ? [] : [body])
}

/** Streams a body to the client. If the stream fails before its first byte, the client gets an error answer. */
export function sendStream (reply: FastifyReply, payload: Readable, names: string[]): FastifyReply {
  // These headers describe the body and would be wrong for an error answer.
  payload.once('error', () => { for (const name of names) reply.removeHeader(name) })
  // All hooks have added their headers by then.
  reply.raw.once('pipe', () => { setImmediate(flushHeaders, reply.raw, payload) })
  return reply.send(payload)
}

/**
 * Sends the headers ahead if no byte of the body came with them: the client may be waiting for the headers, and the
 * body may take any time.
 */
function flushHeaders (response: ServerResponse, payload: Readable): void {
  if (!response.headersSent && !response.destroyed && payload.errored === null) response.flushHeaders()
}
