import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { choosePort } from '../sandbox/demo/ports.js'
import { startApache } from './apache.js'
import { findBinary } from './binaries.js'
import { cookieOfStranger, type Contestant, type Running, type Stage } from './contestant.js'
import { startEnvoy } from './envoy.js'
import { openHeldPage } from './held-page.js'
import { startNginx } from './nginx.js'
import { startOauth2Proxy } from './oauth2-proxy.js'
import { accepting, spawnPinned } from './processes.js'
import { accessToken, client, refreshToken, signIn } from './provider.js'

const project = process.cwd()

export const contestants: Contestant[] = [
  {
    name: 'direct',
    sockets: true,
    start: async ({ directPort }) => ({ port: directPort, sessions: [`Authorization: Bearer ${accessToken}\r\n`] })
  },
  { name: 'nginx', sockets: true, start: startNginx },
  { name: 'Envoy', sockets: true, start: startEnvoy },
  { name: 'oauth2-proxy', sockets: true, start: startOauth2Proxy },
  { name: 'mod_auth_openidc', sockets: false, start: startApache },
  {
    name: '@fastify/http-proxy',
    sockets: true,
    start: async stage => ({ ...await startPeer('http-proxy.js', stage), sessions: [cookieOfStranger()] })
  },
  { name: 'naive', sockets: false, start: startWithLogin('naive.js') },
  { name: 'express', sockets: false, start: startWithLogin('express.js') },
  { name: 'ours without logs', sockets: false, start: async stage => await startGateway(ofOneUser(stage), 'fatal') },
  { name: 'ours without cookies', sockets: false, works: ['1 KB, 64 connections'], start: startWithoutCookies },
  { name: 'ours on Node 24', sockets: true, start: startOnNode24 },
  {
    name: 'ours in view mode',
    sockets: true,
    works: ['messages of 100 B, 50 sockets', 'messages of 10 KB, 50 sockets'],
    start: async stage => await startGateway(ofOneUser(stage), 'info', process.execPath, { ENGINE_MODE: 'view' })
  },
  { name: 'ours', sockets: true, start: async stage => await startGateway(stage, 'info') }
]

async function startOnNode24 (stage: Stage): Promise<Running | string> {
  const node = await findBinary('Node 24')
  return node === undefined ? 'Node 24 is missing (npm package node)' : await startGateway(ofOneUser(stage), 'info', node)
}

/** Only one contestant handles many users. */
function ofOneUser (stage: Stage): Stage {
  return { ...stage, users: Math.min(stage.users, 1) }
}

async function startPeer (file: string, { tenant, caFile }: Stage): Promise<{ port: number, child: ChildProcess }> {
  const port = await choosePort(0)
  const child = spawnPinned(process.execPath, [join(project, 'bench', 'peers', file)], {
    PORT: String(port),
    UPSTREAM: tenant.origin,
    NODE_EXTRA_CA_CERTS: caFile,
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
    return { ...peer, sessions: [`Cookie: ${answer.headers.getSetCookie().map(line => line.split(';', 1)[0]).join('; ')}\r\n`] }
  }
}

/** The gateway as it is built, by the settings of a production server; its log goes to a file. */
async function startGateway (
  { tenant, caFile, folder, users, profileFolder }: Stage,
  logLevel: string,
  node = process.execPath,
  more: Record<string, string> = {}
): Promise<Running> {
  const port = await choosePort(0)
  const profiling = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
  const log = openSync(join(folder, `gateway-${port}.log`), 'w')
  const child = spawnPinned(node, [...profiling, join(project, 'dist', 'cli.js')], {
    NODE_ENV: 'production',
    NODE_EXTRA_CA_CERTS: caFile,
    QLIK_TENANT_URL: tenant.origin,
    QLIK_CLIENT_ID: client.id,
    QLIK_CLIENT_SECRET: client.secret,
    PUBLIC_URL: `http://localhost:${port}`,
    PORT: String(port),
    SESSION_KEYS: randomBytes(32).toString('base64'),
    // All load comes from one session, and all logins from one address.
    MAX_SOCKETS_PER_SESSION: '100000',
    MAX_SOCKETS: '100000',
    MAX_REQUESTS_PER_SESSION: '100000',
    MAX_LOGINS_PER_MINUTE: '1000000',
    // One session may hold half of them.
    MAX_UPSTREAM_CONNECTIONS: '512',
    LOG_LEVEL: logLevel,
    ...more
  }, log)
  closeSync(log)
  await accepting(child, port)
  return { port, child, sessions: await signInUsers(port, users) }
}

/** The gateway for a page that holds its session without cookies. There is no TLS, as behind a balancer. */
async function startWithoutCookies (stage: Stage): Promise<Running> {
  const site = 'https://site.bench'
  const settings = { PUBLIC_URL: 'https://gateway.bench', EMBED_ORIGINS: site, COOKIE_MODE: 'cross-site' }
  const running = await startGateway({ ...stage, users: 0 }, 'info', process.execPath, settings)
  const { session, prove } = await openHeldPage(`http://localhost:${running.port}`, site)
  return { ...running, sessions: [session], prove }
}

/** Signs some users in at a gateway. */
export async function signInUsers (port: number, count: number): Promise<string[]> {
  const sessions: string[] = []
  while (sessions.length < count) {
    const logins = Array.from({ length: Math.min(16, count - sessions.length) }, async () =>
      await signIn(`http://localhost:${port}/login`))
    sessions.push(...await Promise.all(logins))
  }
  return sessions
}
