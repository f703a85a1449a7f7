import type { IncomingHttpHeaders } from 'node:http'
import type { Readable, Transform } from 'node:stream'
import { brotliDecompressSync, createBrotliDecompress, createGunzip, createInflate, gunzipSync, inflateSync } from 'node:zlib'
import { isBelow } from '../admission/target.js'
import { GatewayError } from '../errors.js'

// What is opened in one go holds up all others, for a millisecond at the most.
const mostOpened = { maxOutputLength: 262_144 }

interface Decoder { open: (body: Buffer, limits: typeof mostOpened) => Buffer, create: (() => Transform) | undefined }

const decoders = {
  identity: { open: body => body, create: undefined },
  gzip: { open: gunzipSync, create: createGunzip },
  deflate: { open: inflateSync, create: createInflate },
  br: { open: brotliDecompressSync, create: createBrotliDecompress }
} satisfies Record<string, Decoder>

/** A coding of content that the gateway can open. */
export type Coding = keyof typeof decoders

/** Whether the gateway looks for links in JSON to and from this path. */
export function mayHoldLinks (path: string): boolean {
  return isBelow(path, '/api')
}

/** The coding of JSON, `identity` where there is none; undefined for anything else and for codings that the gateway cannot open. */
export function jsonCodingOf (headers: IncomingHttpHeaders): Coding | undefined {
  if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(String(headers['content-type']))) return undefined
  const coding = headers['content-encoding']?.toLowerCase() ?? 'identity'
  // A name like constructor is in every object.
  return Object.hasOwn(decoders, coding) ? coding as Coding : undefined
}

/** The content of a small body; undefined where it is large. Raises GW-TENANT-ANSWER where it is not of its coding, or not all of it. */
export function openWhole (body: Buffer, coding: Coding): Buffer | undefined {
  try {
    const decoder: Decoder = decoders[coding]
    return decoder.open(body, mostOpened)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined
    throw toAnswerError(error as Error)
  }
}

/** What zlib cannot open is the tenant's fault. */
export function toAnswerError (error: Error): GatewayError {
  return error instanceof GatewayError ? error : new GatewayError('GW-TENANT-ANSWER', { cause: error })
}

/** The content of a body as it comes. What is not of its coding ends it with an error of zlib's. */
export function openStream (body: Readable, coding: Coding): Readable {
  const decoder = decoders[coding].create?.()
  if (decoder === undefined) return body
  body.on('error', error => { decoder.destroy(error) })
  decoder.on('close', () => { body.destroy() })
  body.pipe(decoder, { end: false })
  let isEmpty = true
  body.once('data', () => { isEmpty = false })
  // Nothing is nothing in any coding, though zlib misses its beginning.
  body.once('end', () => isEmpty ? decoder.push(null) : decoder.end())
  return decoder
}
