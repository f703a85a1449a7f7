// Three replicas as processes, with a Redis that is killed and started between: EXPIRIES (20) times a token of 20 seconds ends while a
// hundred requests with one cookie come to each replica at once. Part of `npm run soak`.
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { startTenant } from '../../sandbox/tenant.js'
import { createBrowser, login } from '../helpers/browser-jar.js'
import { settingsFor } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { reservePort } from '../helpers/ports.js'
import { startRedis } from '../helpers/redis.js'
import { createReplica } from './replica.js'

const expiries = Number(process.env.EXPIRIES ?? 20)
const lifeSeconds = 20

t.test(`at ${expiries} expiries three processes answer three hundred requests each time, with one grant`, { timeout: 0 }, async t => {
  const redis = await startRedis(t)
  const ports = [await reservePort(), await reservePort(), await reservePort()]
  const publicUrl = `http://localhost:${ports[0]}`
  const tenant = await startTenant({ accessTokenSeconds: lifeSeconds, redirectUris: [`${publicUrl}/login/callback`] })
  t.teardown(async () => { await tenant.close() })
  const replicas = ports.map(port => createReplica(port, settingsFor(tenant, port, { PUBLIC_URL: publicUrl, REDIS_URL: redis.url })))
  t.teardown(async () => { for (const replica of replicas) await replica.stop('SIGKILL') })
  for (const replica of replicas) await replica.start()
  const connected = async () => { await until(async () => /:3\r\n/.test(await redis.ask('PUBSUB NUMSUB {qlik-embed-gateway}:ended'))) }
  await connected()

  const browser = createBrowser()
  await (await login(browser, `${publicUrl}/login?returnto=/healthz`, alice)).body?.cancel()
  const { grants, log } = tenant.controls
  const statuses = new Map<number, number>()
  let slowestMs = 0
  for (let expiry = 1; expiry <= expiries; expiry++) {
    const grantedAt = log.under('/oauth/token').at(-1)?.at as number
    // Due in its last tenth; the answer to the grant came a little later than its request.
    await wait(grantedAt + lifeSeconds * 900 + 500 - Date.now())
    const cookie = browser.cookies.header(new URL(publicUrl))
    const startedAt = performance.now()
    const answers = await Promise.all(replicas.flatMap(({ origin }) => Array.from({ length: 100 }, async () => {
      const answer = await fetch(`${origin}/api/v1/items`, { headers: { cookie } })
      await answer.text()
      return answer
    })))
    slowestMs = Math.max(slowestMs, performance.now() - startedAt)
    for (const { status, headers } of answers) {
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      browser.cookies.store(new URL(publicUrl), headers)
    }
    t.equal(grants.refresh_token, expiry, `expiry ${expiry}`)
    if (expiry % 5 === 3) {
      await redis.kill()
      await redis.start()
      await connected()
    }
  }
  t.same([...statuses], [[200, expiries * 300]])
  t.equal(grants.refused, 0)
  t.comment(`${expiries * 300} requests, ${grants.refresh_token} grants; the slowest three hundred took ${Math.round(slowestMs)} ms`)
})
