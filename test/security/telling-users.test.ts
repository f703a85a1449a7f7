import { once } from 'node:events'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { impersonationGrant } from '../../sandbox/oauth/clients.js'
import { startTenant } from '../../sandbox/tenant.js'
import { startCollector } from '../helpers/collector.js'
import { createClock, startGateway, type GatewayOptions } from '../helpers/gateway.js'
import { carol, clientOf, cookiesOf, settingsOf } from '../helpers/own-users.js'
import { reservePort } from '../helpers/ports.js'
import { createSecretSearch } from '../helpers/secret-search.js'
import { openSession, sessionKey } from '../helpers/session-cookie.js'
import { createIssuer } from '../helpers/statements.js'

const identify = ({ headers }: FastifyRequest) => headers['x-user'] === undefined ? undefined : { subject: String(headers['x-user']) }
const ways: Record<string, Pick<GatewayOptions, 'settings' | 'options'>> = {
  'a statement of a page': {},
  'a statement of an ingress': { settings: { IDENTITY_JWT_HEADER: 'x-identity', TRUSTED_PROXIES: '127.0.0.0/8,::1' } },
  'an application': { options: { identify } }
}

for (const [way, { settings = {}, options = {} }] of Object.entries(ways)) {
  t.test(`no token, statement, cookie or secret is in a log, a trace, a page or an answer where ${way} names the ` +
    'user, whatever goes wrong', async t => {
    const clock = createClock()
    const issuer = createIssuer(clock)
    const collector = await startCollector(t)
    const tenant = await startTenant({ grantTypes: [impersonationGrant] })
    t.teardown(async () => { await tenant.close() })
    const port = await reservePort()
    const origin = `http://localhost:${port}`
    const admin = tenant.administrators.client
    const lines: string[] = []
    const { app } = await startGateway(t, {
      tenant,
      clock,
      lines,
      options: { ...options, credentials: 'impersonation' },
      settings: {
        ...(options.identify === undefined ? settingsOf(t, issuer) : {}),
        ...settings,
        PORT: String(port),
        PROVISION_USERS: 'true',
        QLIK_ADMIN_CLIENT_ID: admin.id,
        QLIK_ADMIN_CLIENT_SECRET: admin.secret,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.origin,
        LOG_USERS: 'true'
      }
    })
    const secrets: [kind: string, value: string][] = [
      ['client_secret', tenant.client.secret],
      ['client_secret', admin.secret],
      ['session_key', sessionKey]
    ]
    const cookies: [kind: string, value: string][] = []
    const answers: string[] = []
    const keep = async (answer: Response) => {
      for (const line of answer.headers.getSetCookie()) cookies.push(['cookie', String(/=([^;]*)/.exec(line)?.[1])])
      answers.push(JSON.stringify([...answer.headers]), await answer.text())
      return answer
    }
    const { assert, ask } = clientOf(origin, issuer)
    const state = async (subject = carol.subject) => {
      const statement = await issuer.state(subject, origin, { groups: ['EMEA'] })
      secrets.push(['statement', statement])
      return statement
    }
    const namedAs = async (subject: string): Promise<Record<string, string>> =>
      options.identify === undefined ? { 'x-identity': await state(subject) } : { 'x-user': subject }
    const isPage = Object.keys({ ...settings, ...options }).length === 0
    const enter = async (subject = carol.subject, headers = {}) => {
      if (isPage) return await keep(await assert(await state(subject), headers))
      return await keep(await ask('/gateway/session', undefined, { headers: { ...await namedAs(subject), ...headers } }))
    }
    const cookie = cookiesOf(await enter())
    const go = async (path: string, init: RequestInit & { headers?: Record<string, string> } = {}) => await keep(await ask(path, cookie, {
      ...init, redirect: 'manual', headers: { ...(isPage ? {} : await namedAs(carol.subject)), ...init.headers }
    }))

    for (const path of ['/', '/gateway/session', '/gateway/embed.js', '/api/v1/items', '/api/v1/users/me', '/login?returnto=/']) {
      await go(path)
    }
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/app/${SALES_APP_ID}`, {
      headers: { cookie, origin, ...(isPage ? {} : await namedAs(carol.subject)) }
    })
    await once(socket, 'message')
    socket.close(1000)
    await once(socket, 'close')
    clock.aheadMs = 21_600_000 * 0.95
    t.equal((await go('/api/v1/items')).status, 200, 'with a renewed token')
    for (const fault of [{ path: '/api/', reset: true }, { path: '/api/', status: 401 }]) tenant.controls.addFault({ ...fault, times: 1 })
    for (const accept of ['application/json', 'text/html']) await go('/api/v1/spaces', { headers: { accept } })
    const used = await state()
    for (const statement of [used, used, `${used}x`, '']) await keep(await assert(statement, { accept: 'text/html' }))
    await keep(await ask('/gateway/session', undefined, { headers: { 'x-identity': `${used}x` } }))
    for (const body of [{ echo: 'impossible' }, 'words']) {
      tenant.controls.addFault({
        path: '/oauth/token',
        status: 404,
        body: typeof body === 'string' ? body : { errors: [{ code: 'X', title: 'User not found' }] },
        times: 1
      })
      await enter('portal|nobody', { accept: 'text/html' })
    }
    tenant.controls.addFault({ path: '/oauth/revoke', status: 400, times: 2 })
    await go('/logout', { method: 'POST' })
    await app.close()

    for (const { headers } of tenant.controls.requests) {
      const token = headers.authorization?.replace(/^Bearer /, '')
      if (token !== undefined) secrets.push(['access_token', token])
    }
    t.match(
      new Set(secrets.map(([kind]) => kind)),
      new Set(['client_secret', 'session_key', 'access_token', ...(options.identify === undefined ? ['statement'] : [])])
    )
    t.ok(cookies.length > 0 && collector.spans().length > 10 && lines.length > 20 && answers.length > 20, 'all of them say something')
    const [told, sent] = [createSecretSearch([...secrets, ...cookies]), createSecretSearch(secrets)]
    t.same(told(lines.join('')), [], 'the log')
    t.same(told(JSON.stringify(collector.batches)), [], 'the traces')
    t.same(sent(answers.join('\n')), [], 'answers and pages, their cookies too')
    t.same(sent(JSON.stringify(await openSession(cookie, { ...tenant, credentials: 'impersonation' }))), [], 'what is sealed in the cookie')
  })
}
