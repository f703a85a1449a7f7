import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { admissionPlugin, createProof } from './admission/admission.js'
import { bodyTimeout } from './admission/bodies.js'
import { createPlaces } from './admission/concurrency.js'
import { limitRate } from './admission/rate.js'
import { checkOptions } from './config.js'
import { productInfoRoute } from './embed/product-info.js'
import { embedScriptRoute } from './embed/script.js'
import { GatewayError } from './errors.js'
import { createTenantAgent } from './tenants/transport.js'
import { createLearnHostnames } from './tenants/hostnames.js'
import { httpForward } from './forward/http.js'
import { createLinks } from './tenants/links.js'
import { createSockets } from './forward/sockets.js'
import { upgrades } from './forward/upgrades.js'
import { webSocketForward } from './forward/websocket.js'
import { createLogins } from './login/logins.js'
import { codeMs, createHandovers } from './login/handover.js'
import { handoverRoute } from './login/handover-route.js'
import { createBeginSession, loginRoutes } from './login/login.js'
import { logoutRoutes } from './login/logout.js'
import { createReadProfile } from './tenants/profile.js'
import { createRevocation } from './credentials/authorization-code/revocation.js'
import { sessionCheckRoute } from './session/session-check.js'
import { sessionEventRoute } from './session/session-events.js'
import { sessionRoutes } from './session/session-routes.js'
import { createErrorAnswer } from './operate/answer.js'
import { healthRoutes, watchHealth } from './operate/health.js'
import { writeLog } from './operate/log.js'
import { requestSignals } from './operate/requests.js'
import type { GatewayOptions } from './options.js'
import { createCookieJar } from './session/cookies.js'
import { createEndedSessions } from './session/ended.js'
import { createKeys, followKeysFile } from './session/keys.js'
import { sessionPlugin } from './session/session.js'
import { createUsedSessions } from './session/used.js'
import { accessTokenPlugin } from './credentials/access-token.js'
import { createRefresher } from './credentials/authorization-code/refresh.js'
import { createReadResource } from './tenants/resource.js'
import { createStores } from './replicas/stores.js'
import { createTenantOAuth } from './credentials/authorization-code/oauth.js'

export { ConfigError } from './config.js'
export type { GatewayOptions } from './options.js'
export { createSignals, type SignalMap, type Signals } from './signals.js'

/**
 * The gateway as a Fastify plugin: logs users in at a Qlik Cloud tenant and forwards to it under their session. Its routes lie below the
 * path of `publicUrl`, its hooks touch no other route. Raises ConfigError for options that are missing, wrong or unsafe.
 */
export const gateway = fp<GatewayOptions>(async (app, options) => {
  const config = checkOptions(options)
  const { tenantUrl, publicUrl, signals, now } = config
  const basePath = publicUrl.pathname.replace(/\/$/, '')
  const home = `${publicUrl.origin}${basePath}/`
  const embedOrigins = new Set(config.embedOrigins)
  const limits = { idleMs: config.sessionIdleSeconds * 1000, maxMs: config.sessionMaxSeconds * 1000 }

  const health = watchHealth(signals)
  writeLog(signals, config.logSample, app.log)
  const { agent, fetch, close } = createTenantAgent(tenantUrl, config.maxUpstreamConnections, signals)
  const keys = await createKeys(config.sessionKeys, signals)
  const { seal, csrfKeys } = keys
  const leaveKeysFile = config.sessionKeysFile === undefined ? () => {} : followKeysFile({ file: config.sessionKeysFile, keys, log: app.log })
  const jar = await createCookieJar({ secure: publicUrl.protocol === 'https:', crossSite: config.cookieMode === 'cross-site', mostCookies: config.maxCookies })
  const used = createUsedSessions(limits.idleMs, now)
  const stores = await createStores({ redisUrl: config.redisUrl, seal, ended: createEndedSessions(limits.maxMs), used, limits, now, log: app.log, signals })
  const { ended } = stores
  const tenant = createTenantOAuth({ ...config, issuer: config.issuer ?? tenantUrl.origin, redirectUri: `${home}login/callback`, fetch, now })
  const refresher = createRefresher({ refresh: tenant.refresh, now, signals, grants: stores.grants, discard: tokens => { revoke(tokens, app.log) } })
  const { revoke, close: dropRevocations } = createRevocation({ tenant, refresher, signals })
  const sockets = createSockets(ended, used, now, signals)
  const prove = createProof({ publicOrigin: publicUrl.origin, embedOrigins, csrfKeys, sessionIdOf: request => request.qlikSession.peek()?.id })
  const handovers = createHandovers(seal, ended, stores.once('handover', codeMs), now)
  const beginSession = createBeginSession(ended, revoke)
  const returnRules = { publicUrl, home, embedOrigins }
  const links = createLinks(tenantUrl, publicUrl)
  const readResource = createReadResource(tenantUrl, fetch)
  const forwarding = {
    tenantUrl,
    agent,
    signals,
    links,
    learnHostnames: createLearnHostnames({ readResource, use: links.useHostnames, now }),
    frameAncestors: [publicUrl.origin, ...embedOrigins].join(' ')
  }

  // Neither one session nor all that comes without one can hold every connection to the tenant.
  const half = Math.ceil(config.maxUpstreamConnections / 2)
  const publicPlaces = createPlaces({ inAll: half, perClient: half, tooMany: 'GW-BUSY', full: 'GW-BUSY' })
  const privatePlaces = createPlaces({
    inAll: config.maxUpstreamConnections + config.maxUpstreamQueue,
    perClient: Math.min(half, config.maxRequestsPerSession),
    tooMany: 'GW-TOO-MANY-REQUESTS',
    full: 'GW-BUSY'
  })
  const socketPlaces = createPlaces({ inAll: config.maxSockets, perClient: config.maxSocketsPerSession, tooMany: 'GW-TOO-MANY-SOCKETS', full: 'GW-BUSY' })

  app.addHook('preClose', async () => { if (!health.draining) signals.emit('draining') })
  app.addHook('onClose', async () => {
    leaveKeysFile()
    dropRevocations()
    stores.close()
    await close()
  })

  // The order in which a request meets the parts.
  await app.register(async (routes: FastifyInstance) => {
    routes.setErrorHandler(createErrorAnswer(home, signals))
    await routes.register(requestSignals, { basePath, signals })
    await routes.register(upgrades, { basePath })
    if (publicUrl.protocol === 'https:') routes.addHook('onSend', async (_request, reply) => { reply.header('strict-transport-security', 'max-age=31536000') })
    await routes.register(admissionPlugin, { basePath, maxHeaders: config.maxHeaders, embedOrigins, publicPrefixes: config.forwardPublic })
    await routes.register(bodyTimeout, { timeoutMs: config.bodyTimeoutSeconds * 1000 })
    await routes.register(healthRoutes, { health })
    await routes.register(productInfoRoute, { tenantUrl, fetch })
    await routes.register(embedScriptRoute)
    await routes.register(httpForward, { ...forwarding, prefixes: config.forwardPublic, places: publicPlaces })

    await routes.register(async signedIn => {
      await signedIn.register(sessionPlugin, { seal, jar, ended, limits, now, newest: refresher.newest, follow: refresher.follow, lastUse: used.lastUse, signals })
      await signedIn.register(accessTokenPlugin, { refresher, ended, discard: revoke, now })
      await signedIn.register(async login => {
        login.addHook('onRequest', limitRate(config.maxLoginsPerMinute, now))
        await login.register(loginRoutes, { tenant, logins: createLogins(seal, jar, now), handovers, beginSession, revoke, returnRules, now, signals })
        await login.register(handoverRoute, { handovers, beginSession, publicOrigin: publicUrl.origin, embedOrigins })
      })
      await signedIn.register(logoutRoutes, { ended, revoke, prove, returnRules, tenantLogout: config.logoutTenant ? new URL('/logout', tenantUrl).href : undefined })
      await signedIn.register(sessionRoutes, { limits, csrfKeys, readProfile: createReadProfile(readResource, links.rewriteText), home })
      await signedIn.register(sessionCheckRoute, { now })
      await signedIn.register(sessionEventRoute, { ended, maxMs: limits.maxMs, now })
      await signedIn.register(webSocketForward, { tenantUrl, prove, sockets, places: socketPlaces, signals, drainMs: config.drainSeconds * 1000, maxMs: limits.maxMs })
      await signedIn.register(httpForward, { ...forwarding, prefixes: config.forwardPrivate, prove, places: privatePlaces })
    })

    if (config.publicFolder !== undefined) {
      // Relative addresses of the page would miss the last segment of the mount path.
      if (basePath !== '') routes.get('', { prefixTrailingSlash: 'no-slash' }, async (request, reply) => reply.redirect(home + request.target.query, 308))
      await routes.register(fastifyStatic, { root: config.publicFolder, dotfiles: 'ignore', setHeaders: reply => { reply.headers(staticHeaders) } })
      routes.setNotFoundHandler(async () => { throw new GatewayError('GW-NOT-FOUND') })
    }
  }, { prefix: basePath })
}, { name: 'qlik-embed-gateway', fastify: '5.x', encapsulate: true })

const staticHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  // Qlik's runtime may load scripts from hosts of its own; what is written into a page never runs.
  'content-security-policy': "script-src 'self' https:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
}
