import type { Request, Script } from './plan.js'

/** The id of one request: of which client, of which of its connections, which one. None is a part of another. */
export const idOf = (client: number, connection: number, request: number) => `w${client}-${connection}-${request}z`

/** Every id in some bytes. */
export const idsIn = (bytes: Buffer) => new Set(bytes.toString('latin1').match(/w\d+-\d+-\d+z/g) ?? [])

/** A body of so many bytes that holds nothing but the id it belongs to. */
export const fill = (id: string, bytes: number) => Buffer.alloc(bytes, `${id} `)

/** The body that a script announces for a request. */
export function bodyOf (id: string, { json, bytes, status }: Pick<Script, 'json' | 'bytes' | 'status'>, origin: string): Buffer {
  if (status === 304) return Buffer.alloc(0)
  return json ? Buffer.from(JSON.stringify({ id, href: `${origin}/api/${id}`, text: fill(id, bytes).toString() })) : fill(id, bytes)
}

/** The body of a write: JSON that names its sender, by one address on the way and by another at the other end, or so many bytes. */
export function writtenBody (id: string, { json, bytes }: { json: boolean, bytes: number }, origin: string): Buffer {
  return json ? bodyOf(id, { json, bytes, status: 200 }, origin) : fill(id, bytes)
}

/** Pieces as chunks (RFC 9112, section 7.1): the last one only where the body is whole. */
export function toChunk (piece: Buffer, odd: boolean): Buffer {
  return Buffer.concat([Buffer.from(`${piece.length.toString(16)}${odd ? ';name="a value";other' : ''}\r\n`), piece, Buffer.from('\r\n')])
}

export const lastChunk = (odd: boolean) => Buffer.from(odd ? '0;last\r\nX-Trailer: of w0-0-999z\r\n\r\n' : '0\r\n\r\n')

/** A frame of a WebSocket (RFC 6455, section 5.2); a client's is masked, by zeros so that its content can be read. */
export function frame (opcode: number, payload: Buffer, masked: boolean): Buffer {
  const mask = masked ? 0x80 : 0
  const { length } = payload
  const head =
    length < 126
      ? [mask | length]
      : length < 65_536
        ? [mask | 126, length >> 8, length & 255]
        : [mask | 127, 0, 0, 0, 0, 0, length >> 16, length >> 8 & 255, length & 255]
  return Buffer.concat([Buffer.from([0x80 | opcode, ...head, ...masked ? [0, 0, 0, 0] : []]), payload])
}

export interface Sender { cookie: string, origin: string }

/** A request as its client writes it, with the frames that follow a handshake. */
export function write (request: Request, id: string, { cookie, origin }: Sender): Buffer {
  const signedIn = cookie === '' ? '' : `Cookie: ${cookie}\r\n`
  switch (request.kind) {
    case 'read': {
      const upgrade =
        request.upgrade === '' ? '' : 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n'
      return Buffer.from(
        `${request.method} ${request.anonymous ? '/assets' : '/api'}/${id} HTTP/1.1\r\nHost: x\r\n` +
        `${request.anonymous ? '' : signedIn}${upgrade}\r\n`
      )
    }
    case 'write': {
      const { odd } = request
      const body = writtenBody(id, request, origin)
      const half = body.length >> 1
      const head = `${request.method} /api/${id} HTTP/1.1\r\nHost: x\r\n${signedIn}Sec-Fetch-Site: same-origin\r\n` +
        `Content-Type: ${request.json ? 'application/json' : 'text/plain'}\r\n${request.expects ? 'Expect: 100-continue\r\n' : ''}`
      if (!request.chunked) return Buffer.concat([Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`), body])
      const pieces = [body.subarray(0, half), body.subarray(half)].filter(({ length }) => length > 0)
      return Buffer.concat([
        Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`),
        ...pieces.map(piece => toChunk(piece, odd)),
        lastChunk(odd)
      ])
    }
    case 'probe':
      return Buffer.concat([
        Buffer.from(`GET ${request.path} HTTP/1.1\r\nHost: x\r\n${request.bytes === 0 ? '' : `Content-Length: ${request.bytes}\r\n`}\r\n`),
        fill(id, request.bytes)
      ])
    case 'bad':
      return Buffer.from(request.bytes, 'latin1')
    case 'socket': {
      const head = `GET /app/${id} HTTP/1.1\r\nHost: x\r\n${signedIn}Origin: ${origin}\r\nConnection: Upgrade\r\n` +
        'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
      const frames = Array.from({ length: request.frames }, () => frame(1, fill(id, request.frameBytes), true))
      return Buffer.concat([Buffer.from(head), ...frames, ...request.closes ? [frame(8, Buffer.from([3, 0xe8]), true)] : []])
    }
  }
}
