import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { bodyOf, fill, frame, idsIn, lastChunk, toChunk } from './messages.js'
import type { Engine, Plan, Script } from './plan.js'

/** What the tenant is to do with a request, and what came of it. */
export interface Part {
  script: Script
  engine?: Engine
  /** The access tokens that its client may have. */
  tokens: string[]
  body?: () => Buffer
  /** How often it came. */
  asked: number
}

/** The other end: it does with each request what its plan says, byte by byte. */
export interface WireTenant {
  origin: string
  parts: Map<string, Part>
  renewals: Map<string, Plan['renewal'] & { next: string }>
  /** What reached it and should not have. */
  faults: string[]
  /** What the open connections carry. */
  open: () => string[]
  /** Ends the connections that carry nothing. */
  endIdle: () => void
  /** Tries the connections that carry something whose client is over: one whose other end is gone closes. */
  try: (isOver: (what: string) => boolean) => void
  /** Lets requests for /api/hold and sockets of /app/hold wait until there are so many of them. */
  hold: (count: number) => void
  close: () => Promise<void>
}

const wait = async (ms: number) => { await new Promise(resolve => setTimeout(resolve, ms)) }

export async function startWireTenant (): Promise<WireTenant> {
  const parts: WireTenant['parts'] = new Map()
  const renewals: WireTenant['renewals'] = new Map()
  const faults: string[] = []
  const carries = new Map<Socket, string>()
  const sockets = new Set<Socket>()
  let held: (() => void)[] = []
  let holds = 0

  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
    const path = request.url as string
    if (path === '/oauth/token') start(renew(request))
    else if (path === '/oauth/revoke') response.end()
    else if (path.endsWith('/hold')) {
      request.resume()
      holdBack(() => response.end('held'))
    } else if (path.startsWith('/api/v1/')) response.setHeader('content-type', 'application/json').end('{"hostnames":[]}')
    else start(answer(request, request.socket))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => socket.destroy()))
    socket.once('close', () => {
      sockets.delete(socket)
      carries.delete(socket)
    })
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // A client that leaves, in the middle of its body or elsewhere, is no fault of the gateway's.
    if (error.code?.startsWith('HPE_') === true && error.code !== 'HPE_INVALID_EOF_STATE') {
      faults.push(`the tenant could not read a request: ${String(error.code)} ${error.message}`)
    }
    socket.destroy()
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (request.url === '/app/hold') {
      holdBack(() => { socket.write(accepted(request)) })
      socket.resume().once('end', () => socket.end())
    } else start(upgrade(request, socket, head))
  })

  /** Lets it go on by itself; what it raises is a fault of this tenant. */
  function start (work: Promise<void>): void {
    work.catch((error: unknown) => { faults.push(`the tenant failed: ${String(error)}`) })
  }

  function holdBack (go: () => void): void {
    held.push(go)
    letGo()
  }

  function letGo (): void {
    if (held.length < holds) return
    // Those that waited for a connection come only now.
    holds = 0
    for (const each of held) each()
    held = []
  }

  /** The part of a request that came, which must be under the token of its own client. */
  function find (request: IncomingMessage): { id: string, part: Part } | undefined {
    const [id = ''] = idsIn(Buffer.from(request.url as string))
    const part = parts.get(id)
    if (part === undefined) {
      faults.push(`the tenant got a request that nobody made: ${request.method} ${request.url}`)
      return undefined
    }
    part.asked++
    // Under another token, what was refused for the first is sent again where that is all of it.
    const mayRepeat = request.method === 'GET' || request.method === 'HEAD' || (part.script.status === 401 && part.body?.().length === 0)
    if (part.asked > 1 && !mayRepeat) faults.push(`${request.method} ${id} was sent twice`)
    const token = request.headers.authorization?.replace('Bearer ', '')
    const expected = request.url?.startsWith('/assets') === true ? token === undefined : part.tokens.includes(token as string)
    if (!expected) faults.push(`${id} came under the token ${token}`)
    return { id, part }
  }

  async function readBody (request: IncomingMessage, id: string, part: Part): Promise<void> {
    const body = part.body?.()
    let read = 0
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        if (body?.subarray(read, read + chunk.length).equals(chunk) !== true) {
          faults.push(`the body of ${id} is another from byte ${read} on`)
        }
        read += chunk.length
      }
      if (read !== (body?.length ?? 0)) faults.push(`the body of ${id} ended after ${read} bytes`)
    } catch {
      // Its client left, or an earlier answer ended the connection.
    }
  }

  async function answer (request: IncomingMessage, socket: Socket): Promise<void> {
    const found = find(request)
    if (found === undefined) return
    const { id, part } = found
    carries.set(socket, `the request ${id}`)
    const read = readBody(request, id, part)
    if (!part.script.early) await read
    await send(socket, id, part.script, request.method === 'HEAD')
    await read
  }

  async function send (socket: Socket, id: string, script: Script, isHead = false): Promise<void> {
    const { fault, framing, interim, odd, pieces } = script
    const carried = carries.get(socket)
    await wait(script.delayMs)
    if (fault === 'mute') return
    if (fault === 'reset at once') {
      socket.resetAndDestroy()
      return
    }
    if (interim !== undefined) {
      socket.write(`HTTP/1.1 ${interim.status} Interim\r\nLink: </style.css>; rel=preload\r\n\r\n`.repeat(interim.count))
    }
    const body = bodyOf(id, script, origin)
    const chunked = framing === 'chunked' && script.status !== 304
    const lines = [
      `HTTP/1.1 ${script.status} Scripted`,
      `x-wire-id: ${id}`,
      `Content-Type: ${script.json ? 'application/json' : 'text/plain'}`
    ]
    if (chunked) lines.push('Transfer-Encoding: chunked')
    else if (framing === 'length' && script.status !== 304) lines.push(`Content-Length: ${body.length + (fault === 'short' ? 10 : 0)}`)
    else lines.push('Connection: close')
    const sentBody = isHead ? Buffer.alloc(0) : body
    const steps: Buffer[] = [Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)]
    const length = Math.ceil(body.length / pieces)
    for (let at = 0; at < sentBody.length; at += length) {
      const piece = sentBody.subarray(at, at + length)
      steps.push(chunked ? toChunk(piece, odd) : piece)
    }
    if (chunked && fault !== 'short' && !isHead) steps.push(lastChunk(odd))
    // In one piece with the end of the answer: later, it could be taken for the answer to the next request.
    if (fault === 'extra' && framing !== 'close') steps.push(Buffer.concat([steps.pop() as Buffer, Buffer.from('w0-0-999z\r\n\r\n')]))
    const sent = fault === 'cut' || fault === 'reset' ? steps.slice(0, Math.max(1, steps.length >> 1)) : steps
    for (const step of sent) {
      if (socket.destroyed) return
      socket.write(step)
      // Without a pause all of it arrives together, and what ends it too.
      if (script.pauseMs > 0) await wait(script.pauseMs)
    }
    // An answer without a body is whole before it is broken off: the connection may carry the next request by now.
    if (carries.get(socket) !== carried) return
    if (fault === 'reset') socket.resetAndDestroy()
    else if (fault !== 'none' || lines.includes('Connection: close')) socket.end()
    carries.delete(socket)
  }

  async function renew (request: IncomingMessage): Promise<void> {
    const { socket } = request
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const renewal = renewals.get(new URLSearchParams(Buffer.concat(chunks).toString()).get('refresh_token') ?? '')
    if (renewal === undefined) {
      faults.push('a token was renewed that nobody has')
      socket.destroy()
      return
    }
    await wait(renewal.delayMs)
    const reply = (status: number, content: object) => {
      const body = JSON.stringify(content)
      socket.write(
        `HTTP/1.1 ${status} Token\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
      )
    }
    switch (renewal.outcome) {
      case 'granted': return reply(200, { access_token: renewal.next, token_type: 'bearer', expires_in: 3_600 })
      case 'fails': return reply(500, { error: 'server_error' })
      case 'refused': return reply(400, { error: 'invalid_grant' })
      case 'reset': socket.resetAndDestroy()
    }
  }

  async function upgrade (request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const found = find(request)
    if (found?.part.engine === undefined) {
      socket.destroy()
      return
    }
    const { id, part: { script, engine } } = found
    carries.set(socket, `the socket ${id}`)
    if (!engine.accepts) {
      socket.resume()
      await send(socket, id, { ...script, early: true })
      return
    }
    await wait(script.delayMs)
    const check = (chunk: Buffer) => {
      for (const other of idsIn(chunk)) if (other !== id) faults.push(`the socket ${id} got bytes of ${other}`)
      // A close frame of a client with its code: a polite peer answers it and ends.
      if (engine.then === 'stays' && chunk.includes(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 3, 0xe8]))) {
        socket.end(frame(8, Buffer.from([3, 0xe8]), false))
      }
    }
    if (head.length > 0) check(head)
    socket.on('data', check)
    if (engine.then !== 'mute') socket.once('end', () => socket.end())
    socket.write(accepted(request))
    for (let count = 0; count < engine.frames && !socket.destroyed; count++) {
      socket.write(frame(1, fill(id, engine.frameBytes), false))
      await wait(script.pauseMs)
    }
    if (engine.then === 'closes') socket.write(frame(8, Buffer.from([3, 0xe8]), false))
    else if (engine.then === 'half') socket.end()
    else if (engine.then === 'reset') socket.resetAndDestroy()
  }

  return {
    origin,
    parts,
    renewals,
    faults,
    open: () => [...sockets].map(socket => carries.get(socket) ?? 'nothing'),
    endIdle () {
      for (const socket of sockets) if (!carries.has(socket)) socket.end()
    },
    try (isOver) {
      for (const [socket, what] of carries) {
        // Of an end nobody knows whether it is that of one direction or of both: to the latter nothing can be written.
        if (socket.readableEnded && isOver(what)) socket.write(frame(9, Buffer.alloc(0), false))
      }
    },
    hold (count) {
      holds = count
      letGo()
    },
    async close () {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    }
  }
}

function accepted (request: IncomingMessage): string {
  const key = createHash('sha1')
    .update(`${String(request.headers['sec-websocket-key'])}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`
}
