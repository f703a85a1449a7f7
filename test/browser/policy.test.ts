import t from 'tap'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { alice } from '../../sandbox/identities.js'
import { allowApi } from '../../src/policy/api.js'
import { globalMethods, viewMethods } from '../../src/policy/engine/methods.js'
import type { Denial } from '../../src/signals.js'
import { launchChromium, openPage } from '../helpers/chromium.js'
import { startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { readBars, readSelections, selectBar, waitForCharts } from './charts.js'
import { signIn } from './page.js'

const browser = await launchChromium(t)

t.test('Qlik\'s clients draw charts and take selections with every rule set, by documented calls and methods alone; ' +
  'what is refused says why in the console', async t => {
  const { origin, signals } = await startGateway(t, {
    settings: { ENGINE_MODE: 'view', ALLOWED_API: 'embed, GET /api/v1/collections', ALLOWED_APPS: SALES_APP_ID, ALLOWED_USERS: alice.email }
  })
  const denials: Denial[] = []
  signals.on('denied', denial => { denials.push(denial) })
  const { page } = await openPage(t, browser)
  const calls = new Set<string>()
  const methods = new Set<string>()
  const logged: string[] = []
  page.on('request', request => {
    const { origin: asked, pathname } = new URL(request.url())
    if (asked === origin && pathname.startsWith('/api/')) calls.add(`${request.method()} ${pathname}`)
  })
  page.on('websocket', socket => {
    socket.on('framesent', ({ payload }) => { methods.add((JSON.parse(String(payload)) as { method: string }).method) })
  })
  page.on('console', message => { logged.push(message.text()) })

  await signIn(page, `${origin}/`, alice)
  await waitForCharts(page, 'total-sales', 'sales-by-region', 'sales-by-product', 'sales-by-month', 'orders')
  const [bar] = await readBars(page, 'sales-by-region')
  if (bar === undefined) throw new Error('There is no bar.')
  await selectBar(page, bar)
  await until(async () => (await readSelections(page)).length > 0)

  // Recorded from the clients as they are: the documented lists hold all of it.
  const isListed = allowApi(['embed'])
  t.ok(calls.size > 3, [...calls].join(', '))
  t.same(
    [...calls].filter(
      call =>
        isListed({ kind: 'rest', method: call.split(' ')[0] as string, path: call.split(' ')[1] as string }) !== 'allow' &&
        call !== 'GET /api/v1/csrf-token'
    ),
    []
  )
  t.ok(
    methods.has('SelectHyperCubeValues') || methods.has('RangeSelectHyperCubeValues') || methods.has('SelectHyperCubeCells'),
    [...methods].join(', ')
  )
  // The line chart saves its own properties as it has completed them, and draws without that too.
  const isCompletion = (method: string) => method === 'SetProperties'
  t.same([...methods].filter(method => !isCompletion(method) && !globalMethods.has(method) && !viewMethods.has(method)), [])
  t.same(denials.filter(({ method }) => !isCompletion(method)).map(({ method, path }) => `${method} ${path}`), [])
  denials.length = 0

  await page.evaluate(async () => {
    await fetch('/api/v1/api-keys')
    await fetch('/api/v1/apps/another')
    const chart = document.querySelector('qlik-embed[object-id="sales-by-region"]') as unknown as {
      getRefApi: () => Promise<{ getObject: () => Promise<{ setProperties: (properties: object) => Promise<void> }> }>
    }
    const object = await (await chart.getRefApi()).getObject()
    await object.setProperties({}).catch((error: unknown) => { console.error(error) })
  })
  for (const told of [
    /403 \(Refused by the gateway: GW-POLICY-API\)/, /403 \(Refused by the gateway: GW-POLICY-APP\)/,
    /SetProperties is refused by the gateway.*\(ENGINE_MODE=view\)/
  ]) {
    await until(() => logged.some(text => told.test(text)))
    t.ok(logged.some(text => told.test(text)), String(told))
  }
  // Sorted: the line chart may save its properties at any moment.
  t.same([...new Set(denials.map(({ rule }) => rule))].sort(), ['ALLOWED_API', 'ALLOWED_APPS', 'ENGINE_MODE'])
})
