import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { admissionPlugin } from './admission/admission.js'
import { bodyTimeout } from './admission/bodies.js'
import { createConcurrencyLimits, createStreamLimit } from './admission/concurrency.js'
import { mountRoutes } from './admission/mounts.js'
import { limitRate } from './admission/rate.js'
import { answersInTurn } from './admission/turns.js'
import { requireTrustedOrigin } from './admission/trusted-origin.js'
import { checkGateway } from './settings/config.js'
import { accessTokenPlugin } from './credentials/access-token.js'
import { productInfoRoute } from './embed/product-info.js'
import { publicFolder } from './embed/public-folder.js'
import { embedScriptRoute } from './embed/script.js'
import { AssetStore } from './forward/asset-store.js'
import { onSendHook } from './hooks.js'
import { httpForward } from './forward/http.js'
import { SharedCache } from './forward/shared-cache.js'
import { createSockets } from './forward/sockets.js'
import { handshakes, upgrades } from './forward/upgrades.js'
import { webSocketForward } from './forward/websocket.js'
import { assertionRoute } from './login/assertion-route.js'
import { callbackRoute } from './login/callback.js'
import { createHandovers } from './login/handover.js'
import { handoverRoute } from './login/handover-route.js'
import { hostSessionPlugin } from './login/host-session.js'
import { loginRoute } from './login/login.js'
import { logoutRoutes } from './login/logout.js'
import { sharedCallbackRoute } from './login/shared-callback.js'
import { createSignIns } from './login/sign-ins.js'
import { createErrorAnswer } from './operate/answer.js'
import { healthRoutes, watchHealth } from './operate/health.js'
import { writeLog } from './operate/log.js'
import { requestSignals } from './operate/requests.js'
import type { GatewayOptions } from './settings/gateway-options.js'
import { GatewayTenants, type SeveralTenantsOptions } from './settings/gateway-tenants.js'
import { guardEngine } from './policy/guard-engine.js'
import { policyPlugin } from './policy/policy-hook.js'
import { createPolicy } from './policy/policy.js'
import { createSignInRule } from './policy/sign-in-rule.js'
import { openRedis } from './replicas/stores.js'
import type { Session } from './session/record.js'
import { sessionCheckRoute } from './session/session-check.js'
import { sessionEventRoute } from './session/session-events.js'
import { sessionRoutes } from './session/session-routes.js'
import { sessionPlugin } from './session/session.js'
import { ticketRoute } from './session/ticket-route.js'
import { perTenant } from './tenants/per-tenant.js'
import { addQlikUser } from './tenants/qlik-user.js'
import { TenantRegistry } from './tenants/registry.js'
import type { Tenant } from './tenants/tenant.js'

export { ConfigError } from './settings/config.js'
export type { ErrorCode } from './errors.js'
export type { GatewayOptions } from './settings/gateway-options.js'
export { createTenants, type GatewayTenants, type SeveralTenantsOptions } from './settings/gateway-tenants.js'
export type { HostUser } from './credentials/impersonation/host-user.js'
export { createSignals, type SignalMap, type Signals, type SocketLife, type TenantCall } from './signals.js'
export type { TenantOptions } from './settings/tenant-options.js'
// With this the types of `request.qlikUser()` reach the host application.
export type { QlikUser } from './tenants/request-user.js'

/**
 * The gateway as a Fastify plugin. It signs users in at a Qlik Cloud tenant and forwards their requests with their
 * access token. Its routes lie below the path of `publicUrl`, and its hooks affect no other routes.
 * `request.qlikUser()` tells routes of the host application who is signed in. With several tenants, the host and path
 * of `publicUrl` decide which of them a request is for. Raises a ConfigError for options that are missing, wrong or
 * unsafe.
 */
export const gateway = fp<GatewayOptions | SeveralTenantsOptions>(async (app, options) => {
  const { shared: config, tenants, several } = checkGateway(options)
  const { signals } = config

  const health = watchHealth(signals)
  writeLog(signals, { sample: config.logSample, users: config.logUsers, log: app.log })
  const registry = new TenantRegistry({ several, redis: await openRedis(config, app.log, signals), log: app.log })
  registry.replace(tenants)
  if ('tenants' in options && options.tenants instanceof GatewayTenants) {
    options.tenants.serveBy(entries => { registry.replace(checkGateway({ ...options, tenants: entries }).tenants) })
  }
  addQlikUser(app, registry)
  const limitsOf = perTenant(({ options }) => createConcurrencyLimits(options))
  const streams = createStreamLimit()
  const sockets = createSockets()
  const assets = new AssetStore()
  const cacheOf = perTenant(({ transport, signals }) => new SharedCache(assets, transport, signals))
  const handoversOf = perTenant(createHandovers)
  const policyOf = perTenant(({ options }) => createPolicy(options))
  const rateOf = perTenant(({ options }) => limitRate(options.maxLoginsPerMinute))
  const signInsOf = perTenant(createSignIns)
  const signInRuleOf = perTenant(createSignInRule)
  const beginning = {
    requireAllowedUser: (request: FastifyRequest, session: Session) => signInRuleOf(request.tenant)?.requireAtSignIn(request, session)
  }

  app.addHook('preClose', async () => { if (!health.draining) signals.emit('draining') })
  app.addHook('onClose', async () => { await registry.close() })

  await app.register(upgrades, {
    basePathOf: raw => registry.find(raw)?.basePath,
    prefixes: ['/app', '/gateway', '/login', '/logout', ...config.forwardPublic, ...config.forwardPrivate]
  })

  // From here on, the parts are registered in the order in which a request meets them.
  // A request can be refused before admission has set its tenant, so its home page is looked up here.
  const answerErrors = createErrorAnswer({ homeOf: ({ raw }) => registry.find(raw)?.home ?? '/', signals })
  const callback = async (shared: FastifyInstance) => {
    shared.setErrorHandler(answerErrors)
    await shared.register(requestSignals, { signals })
    await shared.register(answersInTurn)
    await shared.register(sharedCallbackRoute, { registry })
  }
  const mounted = async (routes: FastifyInstance) => {
    routes.setErrorHandler(answerErrors)
    await routes.register(requestSignals, { signals })
    await routes.register(answersInTurn)
    await routes.register(handshakes)
    routes.addHook('onSend', onSendHook(demandHttps))
    await routes.register(admissionPlugin, {
      tenantOf: ({ raw }) => registry.require(raw), maxHeaders: config.maxHeaders, publicPrefixes: config.forwardPublic
    })
    await routes.register(bodyTimeout, { timeoutMs: config.bodyTimeoutSeconds * 1000 })
    await routes.register(healthRoutes, { health })
    await routes.register(productInfoRoute)
    await routes.register(embedScriptRoute)
    await routes.register(httpForward, { prefixes: config.forwardPublic, limitOf: tenant => limitsOf(tenant).anonymous, cacheOf })

    await routes.register(async signedIn => {
      await signedIn.register(sessionPlugin, { settingsOf: request => request.tenant.sessions })
      await signedIn.register(accessTokenPlugin, { credentialsOf: request => request.tenant.credentials })
      // Before hostSessionPlugin, which would begin a session only to end it.
      await signedIn.register(logoutRoutes, { signInsOf })
      await signedIn.register(hostSessionPlugin, beginning)
      await signedIn.register(async login => {
        login.addHook('onRequest', async request => { await rateOf(request.tenant)(request) })
        await login.register(loginRoute)
        await login.register(callbackRoute, { handoversOf, signInsOf, registry, ...beginning })
        await login.register(handoverRoute, { handoversOf })
        await login.register(assertionRoute, beginning)
      })
      await signedIn.register(sessionRoutes)
      await signedIn.register(sessionCheckRoute)
      await signedIn.register(ticketRoute)
      await signedIn.register(sessionEventRoute, { limit: streams })
      await signedIn.register(async forwarded => {
        await forwarded.register(policyPlugin, { policyOf, signInRuleOf })
        await forwarded.register(webSocketForward, {
          sockets,
          guardOf: request => guardEngine(policyOf(request.tenant), request),
          limitOf: tenant => limitsOf(tenant).sockets,
          drainMs: config.drainSeconds * 1000
        })
        await forwarded.register(httpForward, {
          prefixes: config.forwardPrivate, requireOrigin: requireTrustedOrigin, limitOf: tenant => limitsOf(tenant).requests
        })
      })
    })

    if (config.publicFolder !== undefined) await routes.register(publicFolder, { root: config.publicFolder, forwarded: config })
  }
  await mountRoutes(app, registry, { routes: mounted, callback })
}, { name: 'qlik-embed-gateway', fastify: '5.x' })

/** Has browsers use https (HSTS) if the public URL does. */
function demandHttps ({ tenant }: FastifyRequest, reply: FastifyReply): void {
  // A request for an unknown host has no tenant.
  if ((tenant as Tenant | undefined)?.publicUrl.protocol === 'https:') reply.header('strict-transport-security', 'max-age=31536000')
}
