import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { createCertificate } from '../test/helpers/certificate.js'
import { longestBurst, serverFrames, sizesOf } from './frames.js'
import { accessToken, openAnswers, profile } from './provider.js'

/** The upstream of every contestant: prepared answers, sent as fast as they are requested. */
export interface Upstream {
  /** Without TLS. */
  port: number
  tlsPort: number
  /** The certificate that signed itself, in PEM. */
  cert: string
  /** The number of requests that came without the access token. */
  refused: number
  close: () => void
}

/** The bodies by path. Their size is in the name. */
export const bodies: Record<string, Buffer> = {
  '/api/1k': jsonOf(1_000),
  '/api/gzip': gzipSync(jsonOf(10_000)),
  '/api/100k': jsonOf(100_000),
  '/api/5m': jsonOf(5_000_000, 'application/octet-stream'),
  '/qlik-embed/main.js': jsonOf(7_000_000, 'text/javascript'),
  '/api/100m': jsonOf(100_000_000, 'application/octet-stream'),
  '/api/v1/users/me': Buffer.from(JSON.stringify(profile)),
  '/api/upload': Buffer.from('{"received":true}')
}

const authorization = new RegExp(`\r\nauthorization: bearer ${accessToken}`, 'i')
const lastHeaderBytes = Buffer.from('\r\n\r\n')

export async function startUpstream (): Promise<Upstream> {
  const answers = new Map(
    Object.entries(bodies).map(([path, body]) => [
      path,
      answerOf(
        body,
        path.endsWith('m') ? 'application/octet-stream' : path.endsWith('.js') ? 'text/javascript' : 'application/json',
        path.endsWith('gzip') ? 'Content-Encoding: gzip\r\n' : ''
      )
    ])
  )
  const refusal = answerOf(Buffer.from('{}'), 'application/json', '', '401 Unauthorized')
  const notFound = answerOf(Buffer.from('{}'), 'application/json', '', '404 Not Found')
  const sockets = new Set<Socket>()

  function serve (socket: Socket): void {
    sockets.add(socket)
    socket.once('close', () => { sockets.delete(socket) })
    socket.on('error', () => { socket.destroy() })
    let waiting: Buffer | undefined
    let bodyLeft = 0
    let answer: Buffer | undefined

    function takeHead (head: string): void {
      const [, path = '', query = ''] = /^\w+ ([^ ?]+)(\S*)/.exec(head) as RegExpExecArray
      bodyLeft = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (/\r\nupgrade: websocket/i.test(head)) upgrade(head, Number(query.slice('?size='.length)))
      else if (openAnswers[path] !== undefined) answer = answerOf(Buffer.from(JSON.stringify(openAnswers[path]())), 'application/json')
      else if (path.startsWith('/qlik-embed') || authorization.test(head)) answer = answers.get(path) ?? notFound
      else {
        upstream.refused++
        answer = refusal
      }
    }

    function upgrade (head: string, size: number): void {
      socket.off('data', take)
      const key = /\r\nsec-websocket-key: (\S+)/i.exec(head)?.[1] ?? ''
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
      )
      echo(socket, size)
    }

    function take (chunk: Buffer): void {
      if (bodyLeft > 0) {
        bodyLeft -= chunk.length
      } else {
        const text = waiting === undefined ? chunk : Buffer.concat([waiting, chunk])
        const end = text.indexOf(lastHeaderBytes)
        waiting = end === -1 ? text : undefined
        if (end === -1) return
        takeHead(text.toString('latin1', 0, end))
        bodyLeft -= text.length - end - lastHeaderBytes.length
      }
      if (bodyLeft > 0 || answer === undefined) return
      socket.write(answer)
      answer = undefined
    }
    socket.on('data', take)
  }
  const certificate = createCertificate(['localhost'])
  const servers = [createServer({ noDelay: true }, serve), createTlsServer({ ...certificate, noDelay: true }, serve)]
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening')
  const [port, tlsPort] = servers.map(server => (server.address() as AddressInfo).port) as [number, number]
  const upstream: Upstream = {
    port,
    tlsPort,
    cert: certificate.cert,
    refused: 0,
    close () {
      for (const socket of sockets) socket.destroy()
      for (const server of servers) server.close()
    }
  }
  return upstream
}

/** Answers each message with one of the same size without parsing it: all messages of a socket have one size. */
function echo (socket: Socket, size: number): void {
  const frames = serverFrames(size)
  const { masked, plain } = sizesOf(size)
  let received = 0
  socket.on('data', chunk => {
    received += chunk.length
    const count = Math.min(longestBurst(size), Math.floor(received / masked))
    received -= count * masked
    if (count > 0) socket.write(frames.subarray(0, count * plain))
  })
}

function answerOf (body: Buffer, type: string, more = '', status = '200 OK'): Buffer {
  const head = [
    `HTTP/1.1 ${status}`,
    `Content-Type: ${type}`,
    `Content-Length: ${body.length}`,
    `Date: ${new Date().toUTCString()}`,
    'Cache-Control: private, max-age=0',
    'ETag: "a-tag"',
    'X-Request-Id: a-request',
    'Strict-Transport-Security: max-age=31536000'
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n${more}\r\n`), body])
}

/** Items like those of an API, cut to the size. A body that is not JSON is a pattern of bytes. */
function jsonOf (size: number, type = 'application/json'): Buffer {
  if (type !== 'application/json') return Buffer.alloc(size, 'all bytes are checked, so they are not all alike; ')
  const item = '{"name":"An item","resourceType":"app","description":"Nothing \\"special\\"","thumbnail":"https://cdn.example/one.png"}'
  const whole = `{"data":[${Array.from({ length: Math.floor(size / (item.length + 1)) - 1 }, () => item).join(',')}],"fill":"`
  return Buffer.from(`${whole}${'x'.repeat(size - whole.length - 2)}"}`)
}
