import { readFileSync } from 'node:fs'
import t from 'tap'
import { startGateway } from '../helpers/gateway.js'
import { serveHttp } from '../helpers/servers.js'

t.test('embed.js is served to any page, small, and checked at each load', async t => {
  const { origin: tenant } = await serveHttp(t, (_request, response) => { response.end() })
  const { origin } = await startGateway(t, { tenant: { origin: tenant } })
  const answer = await fetch(`${origin}/gateway/embed.js`)
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('content-type'), 'text/javascript; charset=utf-8')
  t.equal(answer.headers.get('cross-origin-resource-policy'), 'cross-origin')
  t.equal(answer.headers.get('cache-control'), 'no-cache')
  t.equal(await answer.text(), readFileSync('browser/embed.js', 'utf8'))
  t.ok(Number(answer.headers.get('content-length')) < 20_480)
  t.same(answer.headers.getSetCookie(), [])
  const again = await fetch(`${origin}/gateway/embed.js`, { headers: { 'if-none-match': answer.headers.get('etag') ?? '' } })
  t.equal(again.status, 304)
})
