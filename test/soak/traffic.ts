import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import type { Browser } from '../helpers/browser-jar.js'
import type { Replica } from './replica.js'

/** What became of the requests of one kind. */
export interface Tally { served: number, fault: number, repeated: number, lost: string[] }

export interface Traffic {
  readonly tallies: Map<string, Tally>
  tallyOf: (kind: string) => Tally
  /** Asks the replicas in turn, as a balancer does: the next one where a connection is refused or breaks before an answer. */
  call: (kind: string, browser: Browser, path: string, options?: CallOptions) => Promise<Answer | undefined>
  /** Opens the engine, asks it something each second for so long, closes. */
  socket: (browser: Browser, seconds: number, mayFail: () => boolean) => Promise<void>
}

interface Answer { status: number, body: Buffer }
interface CallOptions { method?: string, body?: Buffer, wanted?: number, mayFail?: () => boolean }

export interface TrafficOptions {
  replicas: readonly Replica[]
  publicUrl: string
  /** Whether a replica was ended, or not yet started again, since then. */
  isDisturbed: (replica: Replica, since: number) => boolean
  /** Whether the tenant may refuse a token that is needed at once. */
  isTokenRefused: () => boolean
}

/** Traffic to replicas under one public URL. */
export function createTraffic ({ replicas, publicUrl, isDisturbed, isTokenRefused }: TrafficOptions): Traffic {
  const tallies = new Map<string, Tally>()
  const agent = new Agent({ keepAlive: true })
  const page = new URL(publicUrl)
  let turn = 0
  const isRefusedToken = ({ body }: Answer) => isTokenRefused() && body.includes('GW-TENANT-BUSY')

  function tallyOf (kind: string): Tally {
    const known = tallies.get(kind)
    if (known !== undefined) return known
    const tally = { served: 0, fault: 0, repeated: 0, lost: [] }
    tallies.set(kind, tally)
    return tally
  }

  async function ask (replica: Replica, browser: Browser, path: string, method: string, body?: Buffer): Promise<Answer> {
    const request = httpRequest(replica.origin + path, {
      agent,
      method,
      headers: {
        cookie: browser.cookies.header(page),
        origin: publicUrl,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-length': body.length })
      }
    })
    request.end(body)
    const [answer] = await once(request, 'response') as [IncomingMessage]
    const headers = new Headers()
    for (const line of answer.headers['set-cookie'] ?? []) headers.append('set-cookie', line)
    browser.cookies.store(page, headers)
    return { status: answer.statusCode as number, body: await buffer(answer) }
  }

  return {
    tallies,
    tallyOf,
    async call (kind, browser, path, { method = 'GET', body, wanted = 200, mayFail = () => false } = {}) {
      const tally = tallyOf(kind)
      const couldFail = mayFail()
      const first = turn++
      for (let attempt = 0; ; attempt++) {
        const replica = replicas[(first + attempt) % replicas.length] as Replica
        const since = Date.now()
        try {
          const answer = await ask(replica, browser, path, method, body)
          if (answer.status === wanted) tally.served++
          else if (!answer.body.includes('GW-INTERNAL') && (couldFail || mayFail() || isRefusedToken(answer))) tally.fault++
          else tally.lost.push(`${method} ${path}: ${answer.status} ${answer.body.toString().slice(0, 120)}`)
          return answer
        } catch (error) {
          if (isDisturbed(replica, since) && attempt < 10) {
            tally.repeated++
            await new Promise(resolve => setTimeout(resolve, 50))
            continue
          }
          // An answer that is cut in the middle, as the tenant cut it.
          if (couldFail || mayFail()) tally.fault++
          else tally.lost.push(`${method} ${path}: ${String(error)}`)
          return undefined
        }
      }
    },
    async socket (browser, seconds, mayFail) {
      const tally = tallyOf('engine sockets')
      const since = Date.now()
      const replica = replicas[turn++ % replicas.length] as Replica
      const socket = new WebSocket(`${replica.origin.replace('http', 'ws')}/app/${SALES_APP_ID}`, {
        headers: { cookie: browser.cookies.header(page), origin: publicUrl }
      })
      let answered = 0
      let done = false
      const ended = new Promise<string>(resolve => {
        socket.on('error', error => { resolve(error.message) })
        socket.on('unexpected-response', (_request, response) => { resolve(`status ${response.statusCode}`) })
        socket.on('close', code => { resolve(`close ${code}`) })
      })
      socket.on('upgrade', ({ headers }) => {
        const lines = new Headers()
        for (const line of headers['set-cookie'] ?? []) lines.append('set-cookie', line)
        browser.cookies.store(page, lines)
      })
      socket.on('message', (data: Buffer) => { if (data.includes('qProgressData')) answered++ })
      const couldFail = mayFail()
      const use = async () => {
        await once(socket, 'open')
        for (let second = 0; second < seconds && socket.readyState === WebSocket.OPEN; second++) {
          const before = answered
          socket.send(JSON.stringify({ jsonrpc: '2.0', id: second, method: 'GetProgress', handle: -1, params: [0] }))
          await new Promise(resolve => setTimeout(resolve, 1_000))
          if (answered === before && socket.readyState === WebSocket.OPEN) await once(socket, 'message')
        }
        done = true
        socket.close(1000)
      }
      use().catch(() => {})
      const end = await ended
      socket.terminate()
      if (done && end === 'close 1000') tally.served++
      else if (isDisturbed(replica, since)) tally.repeated++
      else if (couldFail || mayFail()) tally.fault++
      else tally.lost.push(end)
    }
  }
}
