import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { launchChromium } from '../helpers/chromium.js'
import { waitForCharts } from './charts.js'
import { fillLogin, openContext, startEmbedding } from './embedding.js'

const browser = await launchChromium(t)

t.test('a page behind the same reverse proxy as the gateway shows charts by auth type none, under the policy of the ' +
  'documentation', async t => {
  const embedding = await startEmbedding(t, { example: 'same-origin', siteHost: 'www.company.test', policy: true })
  const { site, tenant } = embedding
  const context = await openContext(t, browser)
  const page = await context.newPage()
  const origins = new Set<string>()
  page.on('request', request => { origins.add(new URL(request.url()).origin) })
  const address = `${site}/report?year=2024#top`
  await page.goto(address)
  await fillLogin(page)
  await page.waitForURL(address)
  await waitForCharts(page, 'sales-by-region')
  await page.getByText(`${alice.name} sees 5 items`).waitFor()
  t.same([...origins].filter(origin => origin !== site), [tenant.origin, tenant.idpOrigin], 'the tenant is met at the sign-in alone')
  const cookies = (await context.cookies(site)).filter(({ name }) => name.startsWith('__Host-qlik-session'))
  t.ok(cookies.length > 0 && cookies.every(({ httpOnly, secure, sameSite }) => httpOnly && secure && sameSite === 'Lax'))

  await t.test('the real @qlik/api turns pages and downloads a report, and never leaves the site', async t => {
    origins.clear()
    const { ids, report } = await page.evaluate(async host => {
      type Items = { data: { data: { id: string }[] }, next?: (options: object) => Promise<Items> }
      type ItemsApi = { getItems: (query: object, options: object) => Promise<Items> }
      type Status = { data: { status: string, results?: { location: string }[] } }
      type ReportsApi = {
        createReport: (body: object, options: object) => Promise<{ data: { requestId: string } }>
        getReportStatus: (id: string, options: object) => Promise<Status>
      }
      const addresses = ['/qlik-api/items.js', '/qlik-api/reports.js']
      const modules = await Promise.all(addresses.map(async address => await import(address) as unknown))
      const [{ getItems }, { createReport, getReportStatus }] = modules as [ItemsApi, ReportsApi]
      const options = { hostConfig: { host, authType: 'none' } }
      const ids: string[] = []
      let items: Items | undefined = await getItems({ limit: 10 }, options)
      while (items !== undefined) {
        ids.push(...items.data.data.map(({ id }) => id))
        items = await items.next?.(options)
      }
      const { data: { requestId } } = await createReport({ type: 'sense-image-1.0', output: { outputId: 'one', type: 'pdf' } }, options)
      let location: string | undefined
      while (location === undefined) {
        location = (await getReportStatus(requestId, { ...options, noCache: true })).data.results?.[0]?.location
      }
      const answer = await fetch(location)
      return { ids, report: { location, status: answer.status, start: (await answer.text()).slice(0, 5) } }
    }, site)
    t.equal(new Set(ids).size, 25)
    t.match(report, { status: 200, start: '%PDF-' })
    t.ok(report.location.startsWith(`${site}/api/v1/`), report.location)
    t.same([...origins], [site])
  })

  await t.test('a user of whom the tenant gives no profile sees the page without a name', async t => {
    tenant.controls.addFault({ path: '/api/v1/users/', status: 403 })
    const page = await (await openContext(t, browser)).newPage()
    await page.goto(site)
    await fillLogin(page)
    await page.getByText('Someone sees 5 items').waitFor()
  })
})
