import { registerAuthModule, type AuthModule, type HostConfig } from '@qlik/api/auth'
import { createReport, getReportOutputs, getReportStatus } from '@qlik/api/reports'
import { downloadTempFile, getTempFileDetails, uploadTempFile } from '@qlik/api/temp-contents'
import t from 'tap'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { allowApi } from '../../src/policy/api.js'
import { embedCalls } from '../../src/policy/api-lists.js'
import { startGateway } from '../helpers/gateway.js'

t.test('the real @qlik/api asks for a report, waits for it and downloads it by calls of the list embed, and does not upload', async t => {
  const stage = await startGateway(t, { settings: { ALLOWED_API: 'embed', ALLOWED_APPS: SALES_APP_ID } })
  const browser = await stage.signIn()
  const headers = { cookie: browser.cookies.header(new URL(stage.origin)), origin: stage.origin }
  registerAuthModule('gatewayTest' as never, {
    getRestCallAuthParams: async () => ({ headers, queryParams: {}, credentials: 'same-origin' }),
    getWebSocketAuthParams: async () => ({ headers, queryParams: {} }),
    handleAuthenticationError: async () => ({})
  } as unknown as AuthModule)
  const hostConfig = { host: stage.origin, authType: 'gatewayTest' } as unknown as HostConfig
  const options = { hostConfig, noCache: true }

  const { data: { requestId = '' } } = await createReport({
    type: 'sense-image-1.0',
    output: { outputId: 'one', type: 'pdf' },
    senseImageTemplate: { appId: SALES_APP_ID, visualization: { id: 'sales-by-region', widthPx: 600, heightPx: 400 } }
  }, options)
  while ((await getReportStatus(requestId, options)).data.status !== 'done');
  const { data: { data: [output] } } = await getReportOutputs(requestId, {}, options)
  const location = new URL(String(output?.location))
  t.equal(location.origin, stage.origin)
  const id = location.pathname.split('/').at(-1) as string
  t.match((await getTempFileDetails(id, options)).data, { ID: id })
  const { data: file } = await downloadTempFile(id, { inline: '1' }, options)
  t.match(await new Response(file as BodyInit).text(), /^%PDF-/)
  const upload = uploadTempFile({ filename: 'x' }, 'x' as never, options)
  t.match(await upload.catch((error: unknown) => error), { status: 403 })

  const recorded = stage.tenant.controls.log.under('/api/v1').map(({ method, path }) => `${method} ${path}`)
  const isListed = (call: string) => {
    const [method, path] = call.split(' ') as [string, string]
    return allowApi(['embed'])({ kind: 'rest', method, path }) === 'allow'
  }
  t.same(recorded.filter(call => !isListed(call)), [])
  const isRecorded = (entry: string) => recorded.some(call => new RegExp(`^${entry.replaceAll(':id', '[^/]+')}$`).test(call))
  t.same(embedCalls.filter(entry => /reports|temp-contents/.test(entry) && !isRecorded(entry)), [], 'none is listed for nothing')
})
