import type { Test } from 'tap'
import { impersonationGrant } from '../../sandbox/oauth/clients.js'
import { startTenant } from '../../sandbox/tenant.js'
import { createClock, startGateway } from './gateway.js'
import { until } from './log.js'
import { carol, clientOf, settingsOf } from './own-users.js'
import { reservePort } from './ports.js'
import { createIssuer } from './statements.js'

export interface UserReplicasOptions {
  /** A Redis that all share, as one setting and what else it takes. */
  redis: NodeJS.ProcessEnv
  /** Asks a server of it how many listen. */
  ask: (command: string) => Promise<string>
  settings?: NodeJS.ProcessEnv
}

/** Three gateways under one public URL whose users an issuer names; they have found Redis. What fails there is in `failures`. */
export async function startUserReplicas (t: Test, { redis, ask, settings = {} }: UserReplicasOptions) {
  const clock = createClock()
  const issuer = createIssuer(clock)
  const tenant = await startTenant({ grantTypes: [impersonationGrant] })
  t.teardown(async () => { await tenant.close() })
  tenant.controls.setUser(carol)
  const ports = [await reservePort(), await reservePort(), await reservePort()]
  const publicUrl = `http://localhost:${ports[0]}`
  const shared = { ...settingsOf(t, issuer), PUBLIC_URL: publicUrl, MAX_LOGINS_PER_MINUTE: '1000', ...redis, ...settings }
  const failures: string[] = []
  const replicas = await Promise.all(ports.map(async port => {
    const { origin, signals } = await startGateway(t, { tenant, settings: { ...shared, PORT: String(port) }, clock })
    signals.on('redisFailed', () => { failures.push(`at ${port}`) })
    return clientOf(origin, issuer, publicUrl)
  }))
  await until(async () => /:3\r\n/.test(await ask('PUBSUB NUMSUB {qlik-embed-gateway}:dropped-users')))
  const at = (index: number) => replicas[index % 3] as typeof replicas[0]
  const tokenCalls = () => tenant.controls.requests.filter(({ url }) => url === '/oauth/token').length
  return { clock, issuer, tenant, publicUrl, at, tokenCalls, failures }
}
