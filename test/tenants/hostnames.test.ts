import type { ServerResponse } from 'node:http'
import t from 'tap'
import { createLearnHostnames } from '../../src/tenants/hostnames.js'
import { createReadResource } from '../../src/tenants/resource.js'
import { asScript, startGateway } from '../helpers/gateway.js'
import { createLog, until } from '../helpers/log.js'
import { stopMonotonic } from '../helpers/monotonic.js'
import { startPlainTenant } from '../helpers/plain-tenant.js'

t.test('links by an alias of the tenant lead to the gateway, from the first answers on', async t => {
  const stage = await startGateway(t)
  const { aliasOrigin, controls } = stage.tenant
  t.same(controls.log.under('/api/v1/tenants'), [], 'nothing is asked for before there is a session')
  const browser = await stage.signIn()
  controls.addFault({ path: '/api/v1/items', status: 200, body: { links: { next: { href: `${aliasOrigin}/api/v1/items?page=2` } } } })
  const read = async () => await (await browser.fetch(`${stage.origin}/api/v1/items`, asScript())).text()
  await until(async () => await read() === `{"links":{"next":{"href":"${stage.origin}/api/v1/items?page=2"}}}`)
  controls.addFault({ path: '/api/v1/moved', status: 302, headers: { location: `${aliasOrigin}/sense` } })
  const moved = await browser.fetch(`${stage.origin}/api/v1/moved`, asScript({ redirect: 'manual' }))
  t.equal(moved.headers.get('location'), `${stage.origin}/sense`)
  t.equal(controls.log.under('/api/v1/tenants/me').length, 1)
})

t.test('the names are asked for once an hour, and a minute after a failure; only host names are taken', async t => {
  const answers = {
    failure: (response: ServerResponse) => { response.writeHead(403).end('{}') },
    nonsense: (response: ServerResponse) => { response.end('{"hostnames":"tenant.example"}') },
    none: (response: ServerResponse) => { response.end('null') },
    text: (response: ServerResponse) => { response.end('<html>') },
    cut: (response: ServerResponse) => { response.destroy() },
    names: (response: ServerResponse) => {
      const wrong = [
        '',
        '.',
        '.*',
        'a|b',
        'a..b',
        'a.example.',
        '-a.example',
        'a-.example',
        'a.example:443',
        'a.example/x',
        '[::1]',
        'ü.example',
        'a b',
        `${'a'.repeat(64)}.example`,
        `${'a.'.repeat(127)}example`,
        5,
        null,
        ['a.example']
      ]
      response.end(
        JSON.stringify({
          hostnames: [...wrong, 'tenant.eu.example', 'A-1.example', ...Array.from({ length: 20 }, (_name, index) => `n${index}.example`)]
        })
      )
    }
  }
  let answer: keyof typeof answers = 'failure'
  const { origin, requests } = await startPlainTenant(t, (_request, response) => { answers[answer](response) })
  const clock = stopMonotonic(t)
  const taken: string[][] = []
  const { log, lines } = createLog()
  const learn = createLearnHostnames({ readResource: createReadResource(new URL(origin), fetch), use: names => { taken.push(names) } })
  for (answer of ['failure', 'nonsense', 'none', 'text', 'cut'] as const) {
    const told = lines.length
    learn('token', log)
    learn('token', log)
    await until(() => lines.length > told)
    learn('token', log)
    clock.ms += 60_000
  }
  t.equal(requests.length, 5, 'each failure waits for a minute')
  t.equal(lines.length, 5)
  t.match(lines, [{ level: 'info', failure: 'the tenant did not tell them' }, { failure: 'the tenant did not tell them' }, {}, {}, {}])
  t.same(taken, [])

  answer = 'names'
  learn('token', log)
  await until(() => taken.length === 1)
  t.same(taken[0]?.slice(0, 3), ['tenant.eu.example', 'A-1.example', 'n0.example'])
  t.equal(taken[0]?.length, 16, 'no more than some')
  clock.ms += 3_599_999
  learn('token', log)
  t.equal(requests.length, 6)
  clock.ms += 1
  learn('token', log)
  await until(() => taken.length === 2)
  t.equal(requests.length, 7)
})
