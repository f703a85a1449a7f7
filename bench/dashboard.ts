import { readFileSync } from 'node:fs'
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, createServer, request as httpsRequest } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { WebSocket, WebSocketServer } from 'ws'
import { createCertificate } from '../test/helpers/certificate.js'
import { accessToken, openAnswers, profile } from './provider.js'
import type { Listening } from './stage.js'

interface Request { path: string, bytes: number }

/**
 * What Qlik's clients ask for when they load a page of charts.
 * A wave of requests, or a round of messages, begins when the previous one has been answered completely.
 */
interface Dashboard {
  waves: Request[][]
  sockets: string[]
  /** The size of the frame that the server sends first. */
  greeting: number
  /** For each round of messages: bytes sent, and bytes received. */
  rounds: [number, number][][]
}

const dashboard = JSON.parse(readFileSync(join(process.cwd(), 'bench', 'dashboard.json'), 'utf8')) as Dashboard
const conversation = dashboard.rounds.flat()
const sized = (bytes: number) => 'x'.repeat(bytes)

/** A tenant with TLS that serves the requests and sockets of a dashboard. */
export async function startDashboardTenant (): Promise<Listening> {
  const bodies = new Map(
    dashboard.waves.flat().map(({ path, bytes }) => [path, JSON.stringify({ fill: sized(bytes - '{"fill":""}'.length) })])
  )
  bodies.set('/api/v1/users/me', JSON.stringify({ ...profile, fill: sized(500) }))
  const certificate = createCertificate(['localhost'])
  // A minute's pause is the bench's matter, not the tenant's.
  const server = createServer({ ...certificate, keepAliveTimeout: 600_000, noDelay: true }, (request, response) => {
    const { url = '', headers: { authorization = '' } } = request
    const open = openAnswers[url]
    const body = open === undefined ? bodies.get(url) : JSON.stringify(open())
    const known = open !== undefined || url.startsWith('/resources/') || authorization.startsWith(`Bearer ${accessToken}`)
    response.writeHead(body === undefined ? 404 : known ? 200 : 401, { 'content-type': 'application/json' })
    response.end(body ?? '{}')
  })
  new WebSocketServer({ server, perMessageDeflate: false }).on('connection', socket => {
    let answered = 0
    socket.send(sized(dashboard.greeting))
    socket.on('message', () => { socket.send(sized(conversation[answered++ % conversation.length]?.[1] ?? 0)) })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    tlsPort: port,
    cert: certificate.cert,
    close () {
      server.close()
      server.closeAllConnections()
    }
  }
}

/** How long one request or socket took, in ms since the page began to load. */
export interface Span { what: string, from: number, first: number, to: number }

/** A browser that keeps its connections. Their number is not limited, as with HTTP/2. */
export interface Browser {
  get: (path: string) => Promise<Span>
  /**
   * Opens a socket, exchanges the messages of a chart and closes it. `first` is the time of the server's first frame.
   */
  converse: (path: string, rounds?: Dashboard['rounds']) => Promise<Span>
  load: () => Promise<Span[]>
  close: () => void
}

/** Starts a browser that sends these headers to an origin. */
export function startBrowser (origin: string, headers: Record<string, string>, ca: string): Browser {
  const secure = origin.startsWith('https:')
  const agent = secure ? new HttpsAgent({ keepAlive: true, ca }) : new HttpAgent({ keepAlive: true })
  const request = secure ? httpsRequest : httpRequest
  let begunAt = performance.now()
  const now = () => performance.now() - begunAt

  const browser: Browser = {
    async get (path) {
      const from = now()
      const [answer] = (await once(
        request(`${origin}${path}`, { agent, headers: { ...headers, 'sec-fetch-site': 'same-origin' } }).end(),
        'response'
      )) as [IncomingMessage]
      const first = now()
      await once(answer.resume(), 'end')
      if (answer.statusCode !== 200) throw new Error(`${origin}${path} was answered with ${answer.statusCode}`)
      return { what: `GET ${path}`, from, first, to: now() }
    },

    async converse (path, rounds = dashboard.rounds) {
      const from = now()
      const socket = new WebSocket(`${origin.replace('http', 'ws')}${path}`, { headers, origin, ca, perMessageDeflate: false })
      await once(socket, 'message')
      const first = now()
      for (const round of rounds) {
        let left = round.length
        const answered = new Promise<void>(resolve => { socket.on('message', () => { if (--left === 0) resolve() }) })
        for (const [bytes] of round) socket.send(sized(bytes))
        await answered
        socket.removeAllListeners('message')
      }
      const to = now()
      socket.terminate()
      return { what: `socket ${path}`, from, first, to }
    },

    async load () {
      begunAt = performance.now()
      const spans: Span[] = []
      for (const wave of dashboard.waves) spans.push(...await Promise.all(wave.map(async ({ path }) => await browser.get(path))))
      return [...spans, ...await Promise.all(dashboard.sockets.map(async path => await browser.converse(path)))]
    },

    close () { agent.destroy() }
  }
  return browser
}
