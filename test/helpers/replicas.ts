import type { Test } from 'tap'
import { alice } from '../../sandbox/identities.js'
import { startTenant } from '../../sandbox/tenant.js'
import { createBrowser, login, type Browser } from './browser-jar.js'
import { createClock, startGateway } from './gateway.js'
import { until } from './log.js'
import { reservePort } from './ports.js'
import { startRedis } from './redis.js'

/** Three gateways of one tenant under one public URL: a browser's requests go to one after the other. */
export async function startReplicas (
  t: Test,
  { accessTokenSeconds = 21_600, clock = createClock(), settings = {} }: {
    accessTokenSeconds?: number
    clock?: { now: () => number }
    settings?: NodeJS.ProcessEnv
  } = {}
) {
  const redis = await startRedis(t)
  const ports = [await reservePort(), await reservePort(), await reservePort()]
  const publicUrl = `http://localhost:${ports[0]}`
  const tenant = await startTenant({ accessTokenSeconds, redirectUris: [`${publicUrl}/login/callback`] })
  t.teardown(async () => { await tenant.close() })
  const replicas = await Promise.all(ports.map(async port => {
    const own = { ...settings, PORT: String(port), PUBLIC_URL: publicUrl, REDIS_URL: redis.url }
    return await startGateway(t, { tenant, settings: own, clock })
  }))
  const origins = replicas.map(({ origin }) => origin)
  const here = async () => await until(async () => /:3\r\n/.test(await redis.ask('PUBSUB NUMSUB {qlik-embed-gateway}:ended')))
  await here()
  return {
    redis,
    tenant,
    origins,
    apps: replicas.map(({ app }) => app),
    publicUrl,
    here,
    signIn: async (): Promise<Browser> => {
      const browser = createBrowser()
      await (await login(browser, `${publicUrl}/login?returnto=/healthz`, alice)).body?.cancel()
      return browser
    }
  }
}
