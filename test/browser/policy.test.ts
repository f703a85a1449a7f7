import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import type { Denial } from '../../src/signals.js'
import { launchChromium } from '../helpers/chromium.js'
import { waitForCharts } from './charts.js'
import { fillLogin, openContext, startEmbedding } from './embedding.js'

const browser = await launchChromium(t)

t.test('Qlik\'s clients draw charts and take selections where only reading, embedding and one app are allowed', async t => {
  const { site, running, gateway } = await startEmbedding(t, { example: 'same-origin', siteHost: 'www.company.test', settings: { ENGINE_MODE: 'view', ALLOWED_API: 'embed', ALLOWED_USERS: alice.email } })
  const denials: Denial[] = []
  running.signals.on('denied', denial => { denials.push(denial) })
  const context = await openContext(t, browser)
  const page = await context.newPage()
  const calls = new Set<string>()
  const methods = new Set<string>()
  page.on('request', request => { if (request.url().startsWith(`${gateway}/api/`)) calls.add(`${request.method()} ${new URL(request.url()).pathname}`) })
  page.on('websocket', socket => { socket.on('framesent', ({ payload }) => { methods.add((JSON.parse(String(payload)) as { method: string }).method) }) })
  await page.goto(`${site}/report`)
  await fillLogin(page)
  await waitForCharts(page, 'sales-by-region')
  t.comment([...calls].join(', '))
  t.comment([...methods].join(', '))
  t.ok(methods.has('GetLayout'))
  t.same(denials.map(({ method, path }) => `${method} ${path}`), [])
})
