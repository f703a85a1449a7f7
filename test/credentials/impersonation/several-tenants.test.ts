import t, { type Test } from 'tap'
import { impersonationGrant } from '../../../sandbox/oauth/clients.js'
import { startTenant } from '../../../sandbox/tenant.js'
import type { TenantOptions } from '../../../src/gateway.js'
import { until } from '../../helpers/log.js'
import { carol, clientOf, cookiesOf, keepFile } from '../../helpers/own-users.js'
import { entryFor, startSeveral } from '../../helpers/several-tenants.js'
import { createIssuer, type Issuer } from '../../helpers/statements.js'

/** A tenant who knows Carol by this name. */
async function startKnowing (t: Test, name: string) {
  const tenant = await startTenant({ grantTypes: [impersonationGrant] })
  t.teardown(async () => { await tenant.close() })
  tenant.controls.setUser({ ...carol, name })
  return tenant
}

const namedBy = (t: Test, { issuer, keys }: Issuer): Partial<TenantOptions> => ({
  credentials: 'impersonation',
  identityJwtIssuer: issuer,
  identityKeysFile: keepFile(t, keys)
})

t.test('tenants of one file have users of their own, each by its client, issuer and way', async t => {
  const [portal, ingress] = [createIssuer(), createIssuer({ issuer: 'https://ingress.example' })]
  const [one, two] = [await startKnowing(t, 'Carol of one'), await startKnowing(t, 'Carol of two')]
  const { port } = await startSeveral(t, port => [
    entryFor('portal', `http://localhost:${port}/portal`, one, namedBy(t, portal)),
    entryFor('ingress', `http://localhost:${port}/ingress`, two, {
      ...namedBy(t, ingress),
      identityJwtHeader: 'x-identity',
      identityJwtAudience: 'of-the-ingress'
    }),
    entryFor('office', `http://localhost:${port}/office`, one)
  ], { top: { trustedProxies: ['127.0.0.0/8', '::1'] } })
  const origin = `http://localhost:${port}`
  const at = (name: string) => clientOf(`${origin}/${name}`, portal)
  const bring = async (name: string, statement: string) => await at(name).assert(statement, { origin })
  const name = async (answer: Response) => (await answer.json() as { user?: { name: string } }).user?.name

  const cookie = cookiesOf(await bring('portal', await portal.state(carol.subject, `${origin}/portal`)))
  t.equal(await name(await at('portal').ask('/gateway/session', cookie)), 'Carol of one')
  const headers = { 'x-identity': await ingress.state(carol.subject, 'of-the-ingress') }
  t.equal(await name(await at('ingress').ask('/gateway/session', undefined, { headers })), 'Carol of two')

  const refused: [why: string, answer: Response, code: string][] = [
    ['of another issuer', await bring('portal', await ingress.state(carol.subject, `${origin}/portal`)), 'GW-STATEMENT'],
    ['for another tenant', await bring('portal', await portal.state(carol.subject, `${origin}/ingress`)), 'GW-STATEMENT'],
    ['of another issuer, in the header',
      await at('ingress').ask('/gateway/check', undefined, {
        headers: { 'x-identity': await portal.state(carol.subject, 'of-the-ingress') }
      }),
      'GW-STATEMENT'],
    ['where an ingress names users', await bring('ingress', await portal.state(carol.subject, 'of-the-ingress')), 'GW-NOT-FOUND'],
    ['where users sign in', await bring('office', await portal.state(carol.subject, `${origin}/office`)), 'GW-NOT-FOUND'],
    ['a header that is no setting of the tenant', await at('portal').ask('/api/v1/items', undefined, { headers }), 'GW-NO-SESSION']
  ]
  for (const [why, answer, code] of refused) t.match([cookiesOf(answer), await answer.json()], ['', { errors: [{ code }] }], why)
  t.same([one, two].map(({ controls }) => controls.grants.impersonation), [1, 1])
})

t.test('other settings of a tenant cost its users no token, and another way to name them ends their sessions', async t => {
  const issuer = createIssuer()
  const tenant = await startKnowing(t, carol.name)
  const named = namedBy(t, issuer)
  const entry = (port: number, more: Partial<TenantOptions> = {}) =>
    entryFor('portal', `http://localhost:${port}`, tenant, { ...named, ...more })
  const { port, write, log } = await startSeveral(t, port => [entry(port)])
  const { enter, ask } = clientOf(`http://localhost:${port}`, issuer)
  const [one, two] = [await enter(), await enter()]
  const change = async (more: Partial<TenantOptions>, outcome: 'kept' | 'ended') => {
    await write({ tenants: [entry(port, more)] })
    await until(() => log.some(({ sessions }) => sessions === outcome))
  }
  await change({ readOnly: true }, 'kept')
  for (const cookie of [one, two]) t.equal((await ask('/api/v1/items', cookie)).status, 200)
  await ask('/logout', one, { method: 'POST' })
  t.equal((await ask('/api/v1/items', two)).status, 200)
  t.same(
    [tenant.controls.grants.impersonation, tenant.controls.liveGrants(carol.subject)],
    [1, 1],
    'the other session is counted as before'
  )
  await change({ identityLookup: 'userId' }, 'ended')
  t.equal((await ask('/api/v1/items', two)).status, 401)
})
