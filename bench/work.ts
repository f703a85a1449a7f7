import type { Running } from './contestant.js'
import { loadHttp, type HttpLoad } from './http-load.js'
import type { Duration, LoadResult } from './load-clock.js'
import { loadSockets } from './socket-load.js'
import { bodies } from './upstream.js'

/** One kind of work, measured in rounds. */
export interface Work {
  name: string
  /** What is counted, for the table. */
  unit: string
  /** WebSockets; only some contestants forward them. */
  sockets: boolean
  /** The number of users. */
  users: number
  /** Whether it is part of the quick run. */
  quick: boolean
  /** The contestants that take part. By default all. */
  only?: string[]
  run: (running: Running, duration: Duration) => Promise<LoadResult>
}

const clientHeaders = [
  'Accept: application/json',
  'Accept-Encoding: gzip, deflate, br',
  'Accept-Language: en',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0',
  'Qlik-Api-Version: 2.19.0',
  'Sec-Fetch-Site: same-origin'
].map(line => `${line}\r\n`).join('')

function requestsOf ({ port, sessions, prove }: Running, path: string, users = 1): HttpLoad['requests'] {
  const starts = sessions.slice(0, users).map(session => `GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\n${clientHeaders}${session}`)
  return prove === undefined ? starts.map(start => Buffer.from(`${start}\r\n`)) : () => Buffer.from(`${starts[0]}${prove()}\r\n`)
}

function http (size: string, connections: number, more: Partial<Work> = {}, users = 1): Work {
  const path = size === 'main.js' ? '/qlik-embed/main.js' : `/api/${size.replace(/ B$|B$/, '').replaceAll(' ', '').toLowerCase()}`
  const name = `${size}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`
  return {
    name: users === 1 ? name : `${name}, ${users.toLocaleString('en')} sessions`,
    unit: 'requests',
    sockets: false,
    users,
    quick: false,
    run: async (running, duration) => await loadHttp({
      port: running.port,
      connections,
      requests: requestsOf(running, path, users),
      body: bodies[path] as Buffer,
      duration
    }),
    ...more
  }
}

/** What every page loads, as the runtime of Qlik's elements. */
const script = http('main.js', 8, {
  name: 'a script of 7 MB, 8 connections',
  only: ['nginx', 'Envoy', 'oauth2-proxy', '@fastify/http-proxy', 'ours']
})

const uploaded = 100_000_000

/** One upload at a time. */
export const upload: Work = {
  name: '100 MB upload, 1 connection',
  unit: 'requests',
  sockets: false,
  users: 1,
  quick: false,
  only: ['direct', 'nginx', 'Envoy', 'oauth2-proxy', '@fastify/http-proxy', 'ours'],
  run: async ({ port, sessions: [session] }, duration) => await loadHttp({
    port,
    connections: 1,
    requests: [Buffer.concat([
      Buffer.from([
        `POST /api/upload HTTP/1.1\r\nHost: localhost:${port}\r\n${clientHeaders}`,
        `Content-Type: application/octet-stream\r\nContent-Length: ${uploaded}\r\n${session}\r\n`
      ].join('')),
      Buffer.alloc(uploaded, 'upload')
    ])],
    body: bodies['/api/upload'] as Buffer,
    duration
  })
}

const messageSizes = { '100 B': 100, '10 KB': 10_000, '1 MB': 1_000_000 }

function messages (size: keyof typeof messageSizes, sockets: number, quick = false): Work {
  return {
    name: `messages of ${size}, ${sockets} ${sockets === 1 ? 'socket' : 'sockets'}`,
    unit: 'messages',
    sockets: true,
    users: 1,
    quick,
    run: async ({ port, sessions: [session] }, duration) =>
      await loadSockets({
        port,
        headers: `Origin: http://localhost:${port}\r\n${session}`,
        sockets,
        size: messageSizes[size],
        duration
      })
  }
}

const users = (count: number): Work => http('1 KB', 64, { only: ['ours'] }, count)

export const works: Work[] = [
  // First, so that the code has been compiled before latency is measured, which takes too few requests for that.
  http('1 KB', 64, { quick: true }),
  http('1 KB', 1, { quick: true }),
  http('1 KB', 256, { quick: true }),
  users(100),
  users(10_000),
  http('gzip', 64, { name: '10 KB of JSON in gzip, 64 connections' }),
  http('100 KB', 64, { quick: true }),
  http('5 MB', 8, { quick: true }),
  script,
  upload,
  messages('100 B', 1),
  messages('100 B', 50, true),
  messages('100 B', 500, true),
  messages('10 KB', 1),
  messages('10 KB', 50, true),
  messages('10 KB', 500),
  messages('1 MB', 1),
  messages('1 MB', 50)
]
