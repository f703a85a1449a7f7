import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { contestants } from '../../bench/contestants.js'
import { startDelay } from '../../bench/delay.js'
import { runLatency } from '../../bench/latency.js'
import { plotDashboards, plotThroughput } from '../../bench/plots.js'
import { runBench } from '../../bench/run.js'
import { judge } from '../../bench/targets.js'
import { works } from '../../bench/work.js'

t.test('the bench measures the gateway over HTTP and WebSockets, and every answer is right', async t => {
  const lines: string[] = []
  const results = await runBench({
    contestants: contestants.filter(({ name }) => name === 'direct' || name === 'ours'),
    works: works.filter(({ name }) => ['1 KB, 1 connection', '1 KB, 64 connections', 'messages of 10 KB, 1 socket'].includes(name)),
    tls: true,
    rounds: 2,
    milliseconds: 100,
    processes: 2,
    idleSockets: 20,
    print: line => { lines.push(line) }
  })
  t.equal(results.size, 3)
  for (const [work, figures] of results) {
    for (const name of ['direct', 'ours']) t.ok((figures.get(name)?.perSecond.median ?? 0) > 0, `${work}, ${name}`)
  }
  t.match(lines.join('\n'), /MB that a download of 100 MB adds[^]*Two processes [^]* [1-9]\d+ requests of 1 KB a second/)
  t.same(judge(results), [], 'no target is judged without its peer')
  t.match(plotThroughput(results), /^<svg [^]*<\/svg>\n$/)
})

t.test('the bench loads a dashboard of a tenant that is far away', async t => {
  const lines: string[] = []
  const results = await runLatency({
    contestants: contestants.filter(({ name }) => name === 'direct' || name === 'ours'),
    roundTripsMs: [20],
    starts: 1,
    loads: 1,
    pauseMs: 0,
    print: line => { lines.push(line) }
  })
  const loads = new Map([...results.get(20) ?? []].map(([name, { spans }]) => [name, spans]))
  t.same([...loads].map(([name, spans]) => [name, spans.length]), [['direct', 10], ['ours', 10]], 'seven requests and three sockets each')
  t.match(lines.join('\n'), /\| warm \| ours \| \d+/)
  t.match(plotDashboards(loads), /GET \/api\/v1\/users\/me[^]*socket \/app\/sales/)
})

t.test('a long way carries every byte in order, and the end of one direction before the other', async t => {
  const server = createServer({ allowHalfOpen: true }, socket => { socket.pipe(socket) })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => { server.close() })
  const way = await startDelay((server.address() as AddressInfo).port, 10)
  t.teardown(() => { way.close() })
  const socket: Socket = connect({ port: way.port, host: '127.0.0.1', allowHalfOpen: true })
  const sent = Array.from({ length: 50 }, (_, at) => randomBytes(1 + at * 400))
  for (const piece of sent) socket.write(piece)
  socket.end()
  t.ok((await buffer(socket)).equals(Buffer.concat(sent)))
})
