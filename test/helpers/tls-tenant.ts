import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import type { TLSSocket, TlsOptions } from 'node:tls'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import { createCertificate } from './certificate.js'
import { builtCommand, type Command } from './command.js'
import { settingsFor } from './gateway.js'
import { reservePort } from './ports.js'
import { noteOutputOf } from './run-record.js'
import { cookieOf, freshSession, tenantAt } from './session-cookie.js'

/** A connection as the tenant sees it: what it has carried, in order. */
export interface SeenConnection { socket: TLSSocket, resumed: boolean, carried: string[] }

export interface TlsStage {
  tenant: Server
  seen: SeenConnection[]
  origin: string
  cookie: string
  /** Metrics of the gateway. */
  readMetrics: () => Promise<string>
}

/**
 * A tenant behind TLS that answers 200, takes tokens and sockets, and notes its connections; before it the gateway, as
 * a process that trusts it.
 */
export async function startTlsStage (
  t: Test,
  { settings = {}, tls = {}, program = builtCommand }: { settings?: NodeJS.ProcessEnv, tls?: TlsOptions, program?: Command } = {}
): Promise<TlsStage> {
  const { key, cert } = createCertificate(['localhost'])
  const seen: SeenConnection[] = []
  const note = ({ method, url, socket }: IncomingMessage): void => {
    seen.find(connection => connection.socket === socket)?.carried.push(`${method} ${url}`)
  }
  const tenant = createServer({ key, cert, keepAliveTimeout: 600_000, ...tls }, (request, response) => {
    note(request)
    request.resume()
    response.setHeader('content-type', 'application/json')
    response.end('{"access_token":"another","refresh_token":"another","token_type":"bearer","expires_in":3600,"id":"me"}')
  })
  tenant.on('secureConnection', socket => {
    seen.push({ socket, resumed: socket.isSessionReused(), carried: [] })
    socket.on('error', () => {})
  })
  new WebSocketServer({ server: tenant }).on('connection', (socket, request) => {
    note(request)
    socket.send('welcome')
  })
  tenant.listen(0, '127.0.0.1')
  await once(tenant, 'listening')
  t.teardown(() => {
    for (const { socket } of seen) socket.destroy()
    tenant.close()
  })
  const [port, adminPort] = [await reservePort(), await reservePort()]
  const address = `https://localhost:${(tenant.address() as AddressInfo).port}`
  const env = {
    ...settingsFor({ origin: address }, port),
    LOG_LEVEL: 'trace',
    ADMIN_PORT: String(adminPort),
    NODE_EXTRA_CA_CERTS: `${t.testdir({ 'authority.pem': cert })}/authority.pem`,
    ...settings
  }
  const [command, ...words] = program
  const child = spawn(command, words, { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  noteOutputOf(child)
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGINT')
    await ended
  })
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('"ready"')) break
  return {
    tenant,
    seen,
    origin: `http://localhost:${port}`,
    cookie: await cookieOf(freshSession(), tenantAt(address)),
    readMetrics: async () => await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
  }
}
