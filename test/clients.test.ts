import { registerAuthModule, type AuthModule } from '@qlik/api/auth'
import type { HostConfig } from '@qlik/api/auth'
import { getItems } from '@qlik/api/items'
import { openAppSession, type GenericObject } from '@qlik/api/qix'
import { getMyUser } from '@qlik/api/users'
import enigma from 'enigma.js'
import { createRequire } from 'node:module'
import t from 'tap'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../sandbox/data/apps.js'
import { alice, bob, type Identity } from '../sandbox/identities.js'
import { computeSales } from './browser/sales.js'
import { startGateway } from './helpers/gateway.js'

const schema = createRequire(import.meta.url)('enigma.js/schemas/12.2027.0.json') as object

/** Amounts by product of the orders that a user may see, computed from the tables alone. */
function amountsByProduct (user: Identity): Record<string, number> {
  const { byProduct } = computeSales(user.groups[1] as string)
  return Object.fromEntries(byProduct.map(({ label, value }) => [label, value]))
}

async function chartValues (object: Pick<GenericObject, 'getLayout'>): Promise<Record<string, number>> {
  const { qHyperCube } = await object.getLayout()
  return Object.fromEntries((qHyperCube?.qDataPages?.[0]?.qMatrix ?? []).map(([name, value]) => [name?.qText ?? '', Number(value?.qNum)]))
}

t.test('the real enigma.js works through the gateway, and each user sees the rows of their own groups', async t => {
  const stage = await startGateway(t)
  for (const user of [alice, bob]) {
    const cookie = (await stage.signIn(user)).cookies.header(new URL(stage.origin))
    const session = enigma.create({
      schema,
      url: `${stage.origin.replace('http', 'ws')}/app/${SALES_APP_ID}`,
      createSocket: (url: string) => new WebSocket(url, { headers: { cookie, origin: stage.origin } })
    } as never)
    const global = await session.open() as unknown as {
      openDoc: (id: string) => Promise<{ getObject: (id: string) => Promise<GenericObject> }>
    }
    const doc = await global.openDoc(SALES_APP_ID)
    const expected = amountsByProduct(user)
    t.ok(Object.keys(expected).length > 5)
    t.same(await chartValues(await doc.getObject('sales-by-product')), expected, user.name)
    await session.close()
  }
})

t.test('the real @qlik/api works through the gateway: profile, paging by next() and the engine', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  const cookie = () => browser.cookies.header(new URL(stage.origin))
  const signedIn = {
    getRestCallAuthParams: async () => ({ headers: { cookie: cookie() }, queryParams: {}, credentials: 'same-origin' }),
    getWebSocketAuthParams: async () => ({ headers: { cookie: cookie(), origin: stage.origin }, queryParams: {} }),
    handleAuthenticationError: async () => ({})
  } as unknown as AuthModule
  registerAuthModule('gatewayTest' as never, signedIn)
  const hostConfig = { host: stage.origin, authType: 'gatewayTest' } as unknown as HostConfig

  t.match(await getMyUser({ hostConfig }), { status: 200, data: { id: alice.id, email: alice.email } })

  const seen: string[] = []
  let page = await getItems({ limit: 10 }, { hostConfig })
  for (;;) {
    seen.push(...page.data.data.map(({ id }) => id))
    if (page.next === undefined) break
    page = await page.next({ hostConfig })
  }
  t.equal(new Set(seen).size, seen.length)
  t.equal(seen.length, 25, 'three pages, all through the gateway')
  t.equal(stage.tenant.controls.log.under('/api/v1/items').filter(({ headers }) => headers.authorization === undefined).length, 0)

  const session = openAppSession({ appId: SALES_APP_ID, hostConfig })
  const doc = await session.getDoc()
  t.same(await chartValues(await doc.getObject('sales-by-product')), amountsByProduct(alice))
  await session.close()
})
