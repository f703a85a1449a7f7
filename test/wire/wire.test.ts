import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { bareNode } from '../helpers/bare-node.js'

t.test('whatever clients and the tenant do on their connections, answers are whole and in their turn, and nothing is left', async t => {
  const [command, ...words] = bareNode
  const child = spawn(command, [...words, '--enable-source-maps', fileURLToPath(new URL('run.js', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { WIRE_SEQUENCES: '150', ...process.env }
  })
  t.teardown(() => { child.kill() })
  const [[status], ...said] = await Promise.all([once(child, 'close') as Promise<[number]>, text(child.stdout), text(child.stderr)])
  t.equal(status, 0, said.join('\n'))
})
