import { json } from 'node:stream/consumers'
import type { Test } from 'tap'
import { noteOutput } from './run-record.js'
import { serveHttp } from './servers.js'

/** A span as it is sent. */
export interface Sent {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  status: { code?: number }
  events: { name: string }[]
  attributes: { key: string, value: Record<string, unknown> }[]
}
interface Batch { resourceSpans: { resource: Pick<Sent, 'attributes'>, scopeSpans: { spans: Sent[] }[] }[] }

/** The attributes of a span by their names. */
export const valuesOf = ({ attributes }: Pick<Sent, 'attributes'>): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

/** A collector that takes OTLP over HTTP, and remembers it; `answer` may hold it up, or say which status it answers with. */
export async function startCollector (t: Test, answer: () => Promise<number> | number = () => 200) {
  const batches: Batch[] = []
  const headers: Record<string, unknown>[] = []
  const { origin } = await serveHttp(t, async (request, response) => {
    const body = await json(request) as Batch
    noteOutput(`${JSON.stringify(body)}\n`)
    headers.push({ url: request.url, ...request.headers })
    const status = await answer()
    if (status === 200) batches.push(body)
    response.writeHead(status).end('{}')
  })
  const spans = () =>
    batches.flatMap(({ resourceSpans }) => resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(scope => scope.spans)))
  return { origin, batches, headers, spans }
}
