import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { admissionPlugin } from './admission/admission.js'
import { bodyTimeout } from './admission/bodies.js'
import { createConcurrencyLimits } from './admission/concurrency.js'
import { limitRate } from './admission/rate.js'
import { requireTrustedOrigin } from './admission/trusted-origin.js'
import { checkOptions } from './config.js'
import { accessTokenPlugin } from './credentials/access-token.js'
import { productInfoRoute } from './embed/product-info.js'
import { embedScriptRoute } from './embed/script.js'
import { GatewayError } from './errors.js'
import { AssetStore } from './forward/asset-store.js'
import { httpForward, refuseMethod } from './forward/http.js'
import { SharedCache } from './forward/shared-cache.js'
import { createSockets } from './forward/sockets.js'
import { upgrades } from './forward/upgrades.js'
import { webSocketForward } from './forward/websocket.js'
import { assertionRoute } from './login/assertion-route.js'
import { callbackRoute } from './login/callback.js'
import { createHandovers } from './login/handover.js'
import { handoverRoute } from './login/handover-route.js'
import { hostSessionPlugin } from './login/host-session.js'
import { loginRoute } from './login/login.js'
import { logoutRoutes } from './login/logout.js'
import { createSignIns } from './login/sign-ins.js'
import { createErrorAnswer } from './operate/answer.js'
import { healthRoutes, watchHealth } from './operate/health.js'
import { writeLog } from './operate/log.js'
import { requestSignals } from './operate/requests.js'
import type { GatewayOptions } from './gateway-options.js'
import { guardEngine } from './policy/guard-engine.js'
import { policyPlugin } from './policy/policy-hook.js'
import { createPolicy } from './policy/policy.js'
import { createSignInRule } from './policy/sign-in-rule.js'
import type { Session } from './session/record.js'
import { sessionCheckRoute } from './session/session-check.js'
import { sessionEventRoute } from './session/session-events.js'
import { sessionRoutes } from './session/session-routes.js'
import { sessionPlugin } from './session/session.js'
import { ticketRoute } from './session/ticket-route.js'
import { createTenant } from './tenants/create-tenant.js'
import { perTenant } from './tenants/per-tenant.js'
import { addQlikUser } from './tenants/qlik-user.js'

export { ConfigError } from './config.js'
export type { ErrorCode } from './errors.js'
export type { GatewayOptions } from './gateway-options.js'
export type { HostUser } from './credentials/impersonation/host-user.js'
export { createSignals, type SignalMap, type Signals, type SocketLife, type TenantCall } from './signals.js'

/**
 * The gateway as a Fastify plugin: logs users in at a Qlik Cloud tenant and forwards to it under their session. Its routes lie below the
 * path of `publicUrl`, its hooks touch no other route; `request.qlikUser()` tells the host's routes who is signed in. Raises ConfigError for options that are missing, wrong or unsafe.
 */
export const gateway = fp<GatewayOptions>(async (app, options) => {
  const config = checkOptions(options)
  const { signals, publicUrl, now } = config
  const basePath = publicUrl.pathname.replace(/\/$/, '')

  const health = watchHealth(signals)
  writeLog(signals, { sample: config.logSample, users: config.logUsers, log: app.log })
  const tenant = await createTenant(config, app.log)
  addQlikUser(app, tenant)
  const limits = createConcurrencyLimits(config)
  const sockets = createSockets(signals)
  const assets = new AssetStore()
  const cacheOf = perTenant(({ transport }) => new SharedCache(assets, transport, signals))
  const handoversOf = perTenant(createHandovers)
  const policyOf = perTenant(({ options }) => createPolicy(options))
  const signInsOf = perTenant(createSignIns)
  const signInRuleOf = perTenant(tenant => createSignInRule(tenant, signals))
  const beginning = { signals, requireAllowedUser: (request: FastifyRequest, session: Session) => signInRuleOf(request.tenant)?.requireAtSignIn(request, session) }

  app.addHook('preClose', async () => { if (!health.draining) signals.emit('draining') })
  app.addHook('onClose', async () => { await tenant.close() })

  // The order in which a request meets the parts.
  await app.register(async (routes: FastifyInstance) => {
    // An odd upgrade is refused before admission has said which tenant it is for.
    routes.setErrorHandler(createErrorAnswer({ homeOf: () => tenant.home, signals }))
    await routes.register(requestSignals, { basePath, signals })
    await routes.register(upgrades, { basePath })
    if (publicUrl.protocol === 'https:') {
      routes.addHook('onSend', async (_request, reply) => { reply.header('strict-transport-security', 'max-age=31536000') })
    }
    await routes.register(admissionPlugin, { tenantOf: () => tenant, basePath, maxHeaders: config.maxHeaders, publicPrefixes: config.forwardPublic })
    await routes.register(bodyTimeout, { timeoutMs: config.bodyTimeoutSeconds * 1000 })
    await routes.register(healthRoutes, { health })
    await routes.register(productInfoRoute)
    await routes.register(embedScriptRoute)
    await routes.register(httpForward, { signals, prefixes: config.forwardPublic, limitOf: perTenant(limits.anonymous), cacheOf })

    await routes.register(async signedIn => {
      await signedIn.register(sessionPlugin, { settingsOf: request => request.tenant.sessions })
      await signedIn.register(accessTokenPlugin, { credentialsOf: request => request.tenant.credentials })
      // Whoever signs out needs no session that begins for it.
      await signedIn.register(logoutRoutes, { signals })
      await signedIn.register(hostSessionPlugin, beginning)
      await signedIn.register(async login => {
        login.addHook('onRequest', limitRate(config.maxLoginsPerMinute, now))
        await login.register(loginRoute, { signInsOf, signals })
        await login.register(callbackRoute, {
          handoversOf, signInsOf, ...beginning
        })
        await login.register(handoverRoute, { handoversOf })
        await login.register(assertionRoute, beginning)
      })
      await signedIn.register(sessionRoutes)
      await signedIn.register(sessionCheckRoute)
      await signedIn.register(ticketRoute)
      await signedIn.register(sessionEventRoute, { limit: limits.streams() })
      await signedIn.register(async forwarded => {
        await forwarded.register(policyPlugin, { policyOf, signInRuleOf, signals })
        await forwarded.register(webSocketForward, {
          sockets, signals, guardOf: request => guardEngine(policyOf(request.tenant), request, signals), limitOf: perTenant(limits.sockets), drainMs: config.drainSeconds * 1000
        })
        await forwarded.register(httpForward, {
          signals, prefixes: config.forwardPrivate, requireOrigin: requireTrustedOrigin, limitOf: perTenant(limits.requests)
        })
      })
    })

    if (config.publicFolder !== undefined) {
      // Relative addresses of the page would miss the last segment of the mount path.
      if (basePath !== '') {
        routes.get('', { prefixTrailingSlash: 'no-slash' }, async (request, reply) => reply.redirect(tenant.home + request.target.query, 308))
      }
      await routes.register(fastifyStatic, { root: config.publicFolder, dotfiles: 'ignore', preCompressed: true, setHeaders: setStaticHeaders })
      routes.setNotFoundHandler(async (request, reply) => {
        refuseMethod(request, reply, config)
        throw new GatewayError('GW-NOT-FOUND')
      })
    }
  }, { prefix: basePath })
}, { name: 'qlik-embed-gateway', fastify: '5.x' })

const hashed = /\.[0-9a-f]{16}\.js(?:\.br|\.gz)?$/

function setStaticHeaders (reply: FastifyReply, path: string): void {
  // A name with the hash of its content never means anything else; all other files are asked for again by their ETag.
  reply.headers({ ...staticHeaders, 'cache-control': hashed.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache' })
}

const staticHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  // Qlik's runtime may load scripts from hosts of its own; what is written into a page never runs.
  'content-security-policy': "script-src 'self' https:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
}
