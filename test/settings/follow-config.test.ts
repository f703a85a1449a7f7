import fastify from 'fastify'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readConfigFile } from '../../src/settings/config-file.js'
import { followConfigFile } from '../../src/settings/follow-config.js'
import { makeFolder } from '../helpers/folder.js'
import { until } from '../helpers/log.js'
import { sessionKey } from '../helpers/session-cookie.js'
import { entryFor } from '../helpers/several-tenants.js'

t.test('tenants of a changed file that cannot be served are told in the log, and the file is followed on', async t => {
  const file = join(makeFolder(t), 'gateway.json')
  const write = (...names: string[]) => {
    const tenants = names.map(name => entryFor(name, `https://${name}.example.com`, { origin: 'https://tenant.example' }))
    // In one step: half of a file could be read, which is another content.
    writeFileSync(`${file}.new`, JSON.stringify({ sessionKeys: sessionKey, tenants }))
    renameSync(`${file}.new`, file)
  }
  write('one')
  const config = await readConfigFile({}, file)
  const { signals, tenants } = config.gateway
  const served: string[] = []
  tenants.serveBy(entries => {
    const names = entries.map(({ name }) => name).join()
    if (names === 'two') throw new Error('no memory is left')
    served.push(names)
  })
  const lines: string[] = []
  const app = fastify({ logger: { stream: { write: (line: string) => { lines.push(line) } } } })
  t.teardown(async () => { await app.close() })
  followConfigFile(app, config)
  await app.ready()

  write('two')
  signals.emit('reload')
  await until(() => lines.some(line => line.includes('"faults":["no memory is left"]')))
  write('three')
  signals.emit('reload')
  await until(() => served.length > 0)
  t.same(served, ['three'])
})
