import type { IncomingHttpHeaders } from 'node:http'
import type { Readable, Transform } from 'node:stream'
import { brotliDecompressSync, createBrotliDecompress, createGunzip, createInflate, gunzipSync, inflateSync } from 'node:zlib'
import { isBelow } from '../admission/target.js'
import { GatewayError } from '../errors.js'

// Decoding in one go blocks the event loop: for a millisecond at most with this limit.
const mostOpened = { maxOutputLength: 262_144 }

interface Decoder { open: (body: Buffer, limits: typeof mostOpened) => Buffer, create: (() => Transform) | undefined }

const decoders = {
  identity: { open: body => body, create: undefined },
  gzip: { open: gunzipSync, create: createGunzip },
  deflate: { open: inflateSync, create: createInflate },
  br: { open: brotliDecompressSync, create: createBrotliDecompress }
} satisfies Record<string, Decoder>

/** A content coding that the gateway can decode. */
export type Coding = keyof typeof decoders

/** Whether the gateway rewrites links in JSON to and from this path. */
export function mayHoldLinks (path: string): boolean {
  return isBelow(path, '/api')
}

/**
 * The content coding of JSON, `identity` if there is none. Undefined for anything else and for codings that the gateway
 * cannot decode.
 */
export function jsonCodingOf (headers: IncomingHttpHeaders): Coding | undefined {
  if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(String(headers['content-type']))) return undefined
  const coding = headers['content-encoding']?.toLowerCase() ?? 'identity'
  // `Object.hasOwn`, because every object inherits names such as `constructor`.
  return Object.hasOwn(decoders, coding) ? coding as Coding : undefined
}

/**
 * Decodes a small body. Undefined if the content is large. Raises GW-TENANT-ANSWER if the body is malformed or
 * incomplete.
 */
export function openWhole (body: Buffer, coding: Coding): Buffer | undefined {
  try {
    const decoder: Decoder = decoders[coding]
    return decoder.open(body, mostOpened)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined
    throw toAnswerError(error as Error)
  }
}

/** A body that zlib cannot decode is the tenant's fault. */
export function toAnswerError (error: Error): GatewayError {
  return error instanceof GatewayError ? error : new GatewayError('GW-TENANT-ANSWER', { cause: error })
}

/** Decodes a body as it comes. A malformed body ends the stream with zlib's error. */
export function openStream (body: Readable, coding: Coding): Readable {
  const decoder = decoders[coding].create?.()
  if (decoder === undefined) return body
  body.on('error', error => { decoder.destroy(error) })
  decoder.on('close', () => { body.destroy() })
  body.pipe(decoder, { end: false })
  let isEmpty = true
  body.once('data', () => { isEmpty = false })
  // An empty body is valid in every coding, but zlib would report an unexpected end.
  body.once('end', () => isEmpty ? decoder.push(null) : decoder.end())
  return decoder
}
