// Go's net/http, and github.com/coder/websocket, with the cookie of a login.
import { join } from 'node:path'
import t from 'tap'
import { checkProgram, findMissing, run, whyNot } from './programs.js'
import { eachWay } from './ways.js'

const cwd = 'test/foreign/go'
const missing = findMissing('go') ?? await whyNot('Go\'s modules', async () => { await run('go', ['mod', 'download'], { cwd }) })

await t.test('Go reads, writes and is answered as by the tenant itself', { skip: missing ?? false }, async t => {
  const program = join(t.testdir(), 'client')
  await run('go', ['build', '-o', program, '.'], { cwd })
  await eachWay(t, async (t, way) => {
    await checkProgram(t, way, [program], ['get', 'put', 'chunked', 'range', 'continued', 'refused', 'socket', 'compressed'])
  })
})
