import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { choosePort } from '../sandbox/demo/ports.js'
import { createCookieJar } from '../src/session/cookies.js'
import { createSeal } from '../src/session/seal.js'
import { startSession } from '../src/session/session.js'
import { startApache } from './apache.js'
import { startNginx } from './nginx.js'
import { accepting, spawnPinned } from './processes.js'
import { accessToken, type Upstream } from './upstream.js'

/** A contestant that is up. */
export interface Running {
  port: number
  /** Absent where there is none between the load and the upstream. */
  child?: ChildProcess
  /** Header lines that prove who is asking, one set per session, each with its line ends. */
  sessions: string[]
}

/** What contestants are started with. */
export interface Stage {
  upstream: Upstream
  /** A folder of this run for files of settings and logs. */
  folder: string
  /** How many different users ask, where the contestant knows users. */
  users: number
  /** A folder for a CPU profile of the gateway, or none. */
  profileFolder?: string | undefined
}

export interface Contestant {
  name: string
  /** Whether it forwards WebSockets here. */
  sockets: boolean
  /** Starts it, or says what is missing on this machine. */
  start: (stage: Stage) => Promise<Running | string>
}

const refreshToken = 'r'.repeat(600)
const project = process.cwd()

export const contestants: Contestant[] = [
  { name: 'direct', sockets: true, start: async ({ upstream }) => ({ port: upstream.port, sessions: [`Authorization: Bearer ${accessToken}\r\n`] }) },
  { name: 'nginx', sockets: true, start: startNginx },
  { name: 'mod_auth_openidc', sockets: false, start: startApache },
  { name: '@fastify/http-proxy', sockets: true, start: async stage => ({ ...await startPeer('http-proxy.js', stage), sessions: [`Cookie: session=${randomBytes(2_600).toString('base64url')}\r\n`] }) },
  { name: 'naive', sockets: false, start: startWithLogin('naive.js') },
  { name: 'express', sockets: false, start: startWithLogin('express.js') },
  { name: 'ours without logs', sockets: false, start: async stage => await startGateway(stage, 'fatal') },
  { name: 'ours', sockets: true, start: async stage => await startGateway(stage, 'info') }
]

async function startPeer (file: string, { upstream }: Stage): Promise<{ port: number, child: ChildProcess }> {
  const port = await choosePort(0)
  const child = spawnPinned(process.execPath, [join(project, 'bench', 'peers', file)], {
    PORT: String(port),
    UPSTREAM: `http://127.0.0.1:${upstream.port}`,
    AUTHORIZATION: `Bearer ${accessToken}`,
    ACCESS_TOKEN: accessToken,
    REFRESH_TOKEN: refreshToken
  })
  await accepting(child, port)
  return { port, child }
}

function startWithLogin (file: string): Contestant['start'] {
  return async stage => {
    const peer = await startPeer(file, stage)
    const answer = await fetch(`http://127.0.0.1:${peer.port}/login`)
    await answer.body?.cancel()
    return { ...peer, sessions: [cookieLine(answer.headers.getSetCookie())] }
  }
}

/** The gateway as it is built, by the settings of a production server; its log goes to a file. */
async function startGateway ({ upstream, folder, users, profileFolder }: Stage, logLevel: string): Promise<Running> {
  const port = await choosePort(0)
  const key = randomBytes(32)
  const profiling = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
  const log = openSync(join(folder, `gateway-${logLevel}.log`), 'w')
  const child = spawnPinned(process.execPath, [...profiling, join(project, 'dist', 'cli.js')], {
    NODE_ENV: 'production',
    QLIK_TENANT_URL: `http://127.0.0.1:${upstream.port}`,
    QLIK_CLIENT_ID: 'bench',
    QLIK_CLIENT_SECRET: 'bench',
    PUBLIC_URL: `http://localhost:${port}`,
    PORT: String(port),
    SESSION_KEYS: key.toString('base64'),
    // All load comes from one session.
    MAX_SOCKETS_PER_SESSION: '100000',
    MAX_SOCKETS: '100000',
    MAX_REQUESTS_PER_SESSION: '100000',
    // One session may hold half of them.
    MAX_UPSTREAM_CONNECTIONS: '512',
    LOG_LEVEL: logLevel
  }, log)
  closeSync(log)
  await accepting(child, port)
  return { port, child, sessions: await sealSessions(key, users) }
}

async function sealSessions (key: Buffer, count: number): Promise<string[]> {
  const seal = await createSeal([key])
  const jar = await createCookieJar({ secure: false, crossSite: false })
  const now = Date.now()
  return Array.from({ length: count }, (_, user) => {
    const tokens = { accessToken: `${accessToken}${user}`, refreshToken: `${refreshToken}${user}`, grantedAt: now, endsAt: now + 3_600_000, generation: 0 }
    return `Sec-Fetch-Site: same-origin\r\n${cookieLine(jar.write('session', seal.seal('session', startSession(tokens, now)), 3_600, { value: undefined, parts: 0 }))}`
  })
}

/** The Cookie header of a browser that was sent these cookies. */
export function cookieLine (setCookies: readonly string[]): string {
  return `Cookie: ${setCookies.map(line => line.split(';', 1)[0]).join('; ')}\r\n`
}
