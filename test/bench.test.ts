import t from 'tap'
import { contestants } from '../bench/contestants.js'
import { runBench } from '../bench/run.js'
import { judge } from '../bench/targets.js'
import { works } from '../bench/work.js'

t.test('the bench measures the gateway over HTTP and WebSockets, and every answer is right', async t => {
  const lines: string[] = []
  const results = await runBench({
    contestants: contestants.filter(({ name }) => name === 'direct' || name === 'ours'),
    works: works.filter(({ name }) => ['1 KB, 1 connection', '1 KB, 64 connections', 'messages of 10 KB, 1 socket'].includes(name)),
    tls: true,
    rounds: 1,
    milliseconds: 100,
    warmUpMilliseconds: 50,
    idleSockets: 20,
    print: line => { lines.push(line) }
  })
  t.equal(results.size, 3)
  for (const [work, figures] of results) {
    for (const name of ['direct', 'ours']) t.ok((figures.get(name)?.perSecond.median ?? 0) > 0, `${work}, ${name}`)
  }
  t.match(lines.join('\n'), /MB that a download of 100 MB adds[^]*Two processes [^]* [1-9]\d+ requests of 1 KB a second/)
  t.same(judge(results), [], 'no target is judged without its peer')
})
