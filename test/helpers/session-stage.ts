import { randomBytes } from 'node:crypto'
import fastify, { type FastifyInstance, type FastifyRequest, type LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import type { GatewayError } from '../../src/errors.js'
import type { SessionSettings } from '../../src/session/session-settings.js'
import { createCookieJar } from '../../src/session/cookies.js'
import { createEndedSessions, type EndedSessions } from '../../src/session/ended.js'
import { createSeal, type Seal } from '../../src/session/seal.js'
import { createRenewedSessions } from '../../src/session/renewed.js'
import { sessionPlugin } from '../../src/session/session.js'
import { startSession, type Session, type TokenSet } from '../../src/session/record.js'
import { createSignals, type Signals } from '../../src/signals.js'

export const hour = 3_600_000
export const limits = { idleMs: 24 * hour, maxMs: 7 * 24 * hour }
export const startedAt = Date.UTC(2030, 0, 1)
export const jar = createCookieJar({ secure: true, crossSite: false })
export const tokens: TokenSet = {
  accessToken: 'access',
  refreshToken: 'refresh',
  grantedAt: startedAt,
  endsAt: startedAt + hour,
  generation: 0
}

export interface SessionStage {
  app: FastifyInstance
  clock: { now: number }
  seal: Seal
  ended: EndedSessions
  opened: () => number
  /** What a request in the middle waits for. */
  meanwhile: (() => void) | undefined
  /** What a refresher knows to have followed from the tokens of a session. */
  followed: TokenSet | undefined
  /** What replicas know of it beyond that, and how often they were asked. */
  elsewhere: TokenSet | undefined
  asked: number
  /** When something held the session in use last. */
  heldAt: number
  get: (path: string, cookie?: string) => Promise<LightMyRequestResponse>
}

/** A small application with sessions and a clock of its own. */
export async function startSessions (
  t: Test,
  {
    keys = [randomBytes(32)],
    idleMs = limits.idleMs,
    signals = createSignals()
  }: { keys?: Buffer[], idleMs?: number, signals?: Signals } = {}
): Promise<SessionStage> {
  const clock = { now: startedAt }
  const sealed = createSeal(keys, 'a tenant')
  let opened = 0
  const seal: Seal = {
    seal: (...all) => sealed.seal(...all),
    open (...all) {
      opened++
      return sealed.open(...all)
    },
    forget: text => { sealed.forget(text) }
  }
  const ended = createEndedSessions(limits.maxMs)
  const app = fastify()
  t.teardown(async () => { await app.close() })
  app.addHook('onRequest', async (request, reply) => {
    if (request.url === '/refused') return reply.code(400).send('refused')
  })
  const settings: SessionSettings = {
    seal,
    jar,
    ended,
    limits: { ...limits, idleMs },
    now: () => clock.now,
    newest: grant => stage.followed ?? grant,
    follow: async () => { await follow() },
    lastUse: () => stage.heldAt,
    renewed: createRenewedSessions(limits.maxMs),
    signals
  }
  await app.register(sessionPlugin, { settingsOf: () => settings })
  const follow = async () => {
    stage.asked++
    await new Promise(setImmediate)
    stage.followed = stage.elsewhere ?? stage.followed
  }
  const show = (request: FastifyRequest, session: Session | undefined) => ({
    session: session ?? null,
    again: request.qlikSession.peek() ?? null
  })
  const stage: SessionStage = {
    app,
    clock,
    seal: sealed,
    ended,
    opened: () => opened,
    meanwhile: undefined,
    followed: undefined,
    elsewhere: undefined,
    asked: 0,
    heldAt: 0,
    get: async (url, cookie) => await app.inject({ url, headers: cookie === undefined ? {} : { cookie } })
  }
  app.get('/file', async () => 'file')
  app.get('/peek', async request => show(request, request.qlikSession.peek()))
  app.get('/use', async (request, reply) => {
    reply.header('cache-control', 'public, max-age=60').header('set-cookie', 'other=1')
    return show(request, request.qlikSession.use())
  })
  app.get('/slow', async request => {
    request.qlikSession.use()
    stage.meanwhile?.()
    return show(request, request.qlikSession.use())
  })
  app.get('/login', async request => {
    request.qlikSession.replace(startSession(tokens, clock.now))
    return {}
  })
  app.get<{ Querystring: { size: string } }>('/refresh', async request => {
    const session = request.qlikSession.peek() as Session
    const renewed = {
      ...session,
      grant: { ...session.grant, accessToken: randomBytes(Number(request.query.size)).toString('hex'), generation: 1 }
    }
    stage.meanwhile?.()
    try {
      request.qlikSession.replace(renewed)
    } catch (error) {
      return { caught: (error as GatewayError).code }
    }
    return {}
  })
  app.get('/logout', async request => {
    request.qlikSession.drop()
    return show(request, request.qlikSession.use())
  })
  app.get('/logout-and-login', async request => {
    request.qlikSession.drop()
    request.qlikSession.replace(startSession(tokens, clock.now))
    return show(request, request.qlikSession.peek())
  })
  return stage
}

export const linesOf = (answer: LightMyRequestResponse) =>
  [answer.headers['set-cookie'] ?? []].flat().filter(line => line.startsWith('__Host-'))
export const cookieOf = (answer: LightMyRequestResponse) =>
  linesOf(answer)
    .filter(line => !line.includes('Max-Age=0'))
    .map(line => line.split(';', 1)[0])
    .join('; ')

export function written (stage: SessionStage, answer: LightMyRequestResponse): Session {
  return stage.seal.open('session', jar.read('session', cookieOf(answer)).values[0] as string)?.value as Session
}
