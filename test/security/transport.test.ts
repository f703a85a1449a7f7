import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { builtCommand } from '../helpers/command.js'
import { createCertificate } from '../helpers/certificate.js'
import { settingsFor, startGateway } from '../helpers/gateway.js'
import { reservePort } from '../helpers/ports.js'
import { noteOutputOf } from '../helpers/run-record.js'
import { cookieOf, freshSession, tenantAt } from '../helpers/session-cookie.js'
import { startBeforeUpstream } from '../helpers/upstream.js'

/**
 * A tenant behind TLS that keeps what it is asked, and a gateway before it: a process of its own where it must trust
 * the certificate's authority.
 */
async function setUp (t: Test, hostnames: string[], trusted: boolean, expired = false) {
  const { key, cert } = createCertificate(hostnames, { expired })
  const asked: string[] = []
  const tenant = createServer({ key, cert }, (request, response) => {
    asked.push(String(request.url))
    response.setHeader('content-type', 'application/json')
    response.end('{"access_token":"another","refresh_token":"another","token_type":"bearer","expires_in":3600,"id":"me"}')
  })
  tenant.on('upgrade', (request, socket) => {
    asked.push(String(request.url))
    socket.end('HTTP/1.1 418 I am a teapot\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })
  tenant.listen(0, '127.0.0.1')
  await once(tenant, 'listening')
  t.teardown(() => { tenant.close() })
  const port = await reservePort()
  const origin = `https://localhost:${(tenant.address() as AddressInfo).port}`
  if (trusted) {
    const authorities = `${t.testdir({ 'authority.pem': cert })}/authority.pem`
    await startProcess(t, { ...settingsFor({ origin }, port), LOG_LEVEL: 'trace', NODE_EXTRA_CA_CERTS: authorities })
  } else {
    await startGateway(t, { tenant: { origin }, settings: { PORT: String(port) } })
  }
  return { asked, tenant: origin, gateway: `http://localhost:${port}` }
}

async function startProcess (t: Test, env: NodeJS.ProcessEnv): Promise<void> {
  const [command, ...words] = builtCommand
  const child = spawn(command, words, { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  noteOutputOf(child)
  t.teardown(() => { child.kill('SIGKILL') })
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('"ready"')) break
}

/** Statuses of a call, a refresh and an upgrade. */
async function tryAll (gateway: string, tenant: string): Promise<number[]> {
  const session = freshSession()
  const cookie = await cookieOf(session, tenantAt(tenant))
  const due = await cookieOf(
    { ...session, id: 'due', grant: { ...session.grant, refreshToken: 'due', grantedAt: 0, endsAt: Date.now() - 1 } },
    tenantAt(tenant)
  )
  const call = await fetch(`${gateway}/api/x`, { headers: { cookie } })
  const refresh = await fetch(`${gateway}/api/x`, { headers: { cookie: due } })
  const socket = new WebSocket(`${gateway.replace('http', 'ws')}/app/x`, { headers: { cookie, origin: gateway } }).on('error', () => {})
  const [, answer] = await once(socket, 'unexpected-response') as [unknown, { statusCode: number }]
  return [call.status, refresh.status, answer.statusCode]
}

// CVE-2026-107318: @fastify/reply-from up to 12.6.5 does not verify unless it is told to.
t.test('the tenant\'s certificate is verified for calls, tokens and sockets: a foreign authority, name or time is ' +
  'refused before a byte is sent', async t => {
  const cases: [title: string, hostnames: string[], trusted: boolean, expired: boolean][] = [
    ['an authority that nobody knows', ['localhost'], false, false],
    ['the certificate of another host', ['elsewhere.example'], true, false],
    ['one that has expired', ['localhost'], true, true]
  ]
  for (const [title, hostnames, trusted, expired] of cases) {
    const { asked, tenant, gateway } = await setUp(t, hostnames, trusted, expired)
    t.same(await tryAll(gateway, tenant), [502, 503, 502], title)
    t.same(asked, [], title)
  }
})

t.test('a private authority comes by NODE_EXTRA_CA_CERTS, for all three', async t => {
  const { asked, tenant, gateway } = await setUp(t, ['localhost'], true)
  t.same(await tryAll(gateway, tenant), [200, 200, 418])
  t.same(asked.filter(url => !url.startsWith('/api/v1/')), ['/api/x', '/oauth/token', '/api/x', '/app/x'])
})

t.test('errors of the tenant pass with their Retry-After, and nothing is tried again', async t => {
  const { ask, received } = await startBeforeUpstream(t, (_request, response) => {
    response.writeHead(503, { 'retry-after': '1' }).end('busy')
  })
  const answer = await ask('/api/x')
  t.equal(answer.statusCode, 503)
  t.equal(answer.headers['retry-after'], '1')
  t.equal(await text(answer), 'busy')
  t.equal(received.length, 1)
})
