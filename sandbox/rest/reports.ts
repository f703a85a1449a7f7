import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { Refusal } from '../front/errors.js'
import { spellPort } from '../front/names.js'
import { renderPdf } from './pdf.js'
import type { RouteSet } from './resources.js'

interface Report { id: string, outputId: string, fileId: string, size: number, polls: number }
interface ReportRequest {
  type?: string
  output?: { outputId?: string }
  senseImageTemplate?: { appId?: string }
  senseSheetTemplate?: { appId?: string }
}

/** /api/v1/reports: requested, polled, then downloaded from an absolute URL with an explicit port, as at a tenant. */
export const addReportRoutes: RouteSet = (app, { names, apps, store, controls }) => {
  const reports = new Map<string, Report>()
  const find = (id: string): Report => {
    const report = reports.get(id)
    if (!report) throw new Refusal(404, 'REP-404000', 'Not found', `There is no report ${id}.`)
    return report
  }
  const locate = ({ fileId }: Report): string => `${spellPort(names.origin)}/api/v1/temp-contents/${fileId}?inline=1`

  app.post<{ Body: ReportRequest }>('/api/v1/reports', async (request, reply) => {
    controls.reportRate.take(request.caller.id, controls.settings.reportsPerMinute)
    const { type, output, senseImageTemplate, senseSheetTemplate } = request.body ?? {}
    if (!type || !output?.outputId) {
      throw new Refusal(400, 'REP-400000', 'Bad request', 'A report needs a type and an output with an outputId.')
    }
    const appId = senseImageTemplate?.appId ?? senseSheetTemplate?.appId
    const name = apps.find(({ id }) => id === appId)?.name ?? 'Report'
    const file = await store.save(`${name}.pdf`, Readable.from([renderPdf(`${name} - a report of the sandbox`)]))
    const report = { id: randomUUID(), outputId: output.outputId, fileId: file.id, size: file.size, polls: 0 }
    reports.set(report.id, report)
    return await reply.code(202).header('location', `${names.origin}/api/v1/reports/${report.id}/status`).send({
      requestId: report.id,
      message: 'Report request created',
      outputsUrl: `${names.origin}/api/v1/reports/${report.id}/outputs`
    })
  })

  app.get<{ Params: { id: string } }>('/api/v1/reports/:id/status', async request => {
    const report = find(request.params.id)
    const statusLocation = `/reports/${report.id}/status`
    if (report.polls++ === 0) return { status: 'processing', resolutionAttempts: 1, statusLocation }
    return { status: 'done', resolutionAttempts: 1, statusLocation, results: [{ location: locate(report), outputId: report.outputId }] }
  })

  app.get<{ Params: { id: string } }>('/api/v1/reports/:id/outputs', async request => {
    const report = find(request.params.id)
    const self = { href: `${spellPort(names.origin)}/api/v1/reports/${report.id}/outputs` }
    return {
      data: [{ outputId: report.outputId, location: locate(report), sizeBytes: report.size, status: 'done' }],
      links: { self, next: { href: null }, prev: { href: null } }
    }
  })
}
