import { alice } from '../../sandbox/identities.js'
import { startTenant } from '../../sandbox/tenant.js'
import { createBrowser, login, type Browser } from './browser-jar.js'
import { freePort, settingsFor, startGateway } from './gateway.js'
import { until } from './log.js'
import { startRedis } from './redis.js'

interface Teardown { teardown: (handler: () => Promise<void> | void) => void }

/** Three gateways of one tenant under one public URL: a browser's requests go to one after the other. */
export async function startReplicas (t: Teardown, { accessTokenSeconds = 21_600, now }: { accessTokenSeconds?: number, now?: () => number } = {}) {
  const redis = await startRedis(t)
  const ports = [await freePort(), await freePort(), await freePort()]
  const publicUrl = `http://localhost:${ports[0]}`
  const tenant = await startTenant({ accessTokenSeconds, redirectUris: [`${publicUrl}/login/callback`] })
  t.teardown(async () => { await tenant.close() })
  const replicas = await Promise.all(ports.map(async port => await startGateway(t, settingsFor(tenant, port, { PUBLIC_URL: publicUrl, REDIS_URL: redis.url }), now)))
  const origins = replicas.map(({ origin }) => origin)
  const here = async () => await until(async () => /:3\r\n/.test(await redis.ask('PUBSUB NUMSUB qlik-embed-gateway:ended')))
  await here()
  return {
    redis,
    tenant,
    origins,
    publicUrl,
    here,
    signIn: async (): Promise<Browser> => {
      const browser = createBrowser()
      await (await login(browser, `${publicUrl}/login?returnto=/healthz`, alice)).body?.cancel()
      return browser
    }
  }
}
