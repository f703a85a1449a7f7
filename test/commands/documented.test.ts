import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { bare } from '../helpers/bare-node.js'
import { documentedBlocks } from '../helpers/documented-commands.js'
import { settingsFor, startGateway } from '../helpers/gateway.js'
import { reservePort } from '../helpers/ports.js'
import { noteOutputOf } from '../helpers/run-record.js'

const blocks = documentedBlocks()

/** A folder in which the documentation's commands find what they name, and their environment. */
function prepareFolder (t: Test, settings: NodeJS.ProcessEnv): { cwd: string, env: NodeJS.ProcessEnv } {
  const cwd = t.testdir({})
  cpSync('deploy', `${cwd}/deploy`, { recursive: true })
  symlinkSync(`${process.cwd()}/dist`, `${cwd}/dist`)
  mkdirSync(`${cwd}/bin`)
  const command = `exec ${bare.join(' ')} node ${process.cwd()}/dist/cli.js "$@"`
  writeFileSync(`${cwd}/bin/qlik-embed-gateway`, `#!/bin/sh\n${command}\n`, { mode: 0o755 })
  return { cwd, env: { ...settings, PATH: `${cwd}/bin:${process.env.PATH}` } }
}

t.test('the commands of the documentation that can be run do what they say', async t => {
  const stage = await startGateway(t)
  const settings = settingsFor(stage.tenant, Number(new URL(stage.origin).port))
  let ran = 0
  for (const { page, commands } of blocks) {
    const lines = commands.filter(({ decision }) => decision === 'runs').map(({ command }) => command)
    if (lines.length === 0) continue
    const { cwd, env } = prepareFolder(t, settings)
    await t.resolves(promisify(execFile)('bash', ['-euc', lines.join('\n')], { cwd, env }), `${page}: ${lines.join('; ')}`)
    ran += lines.length
    for (const keys of lines.flatMap(line => /openssl .*> (\S+)$/.exec(line)?.[1] ?? [])) {
      const folder = lines.find(line => line.startsWith('cd '))?.slice(3) ?? '.'
      t.equal(Buffer.from(readFileSync(`${cwd}/${folder}/${keys}`, 'utf8').trim(), 'base64').length, 32, keys)
    }
  }
  t.ok(ran > 4)
})

t.test('the command of the README serves the gateway before a tenant', async t => {
  const [command, ...others] = blocks
    .flatMap(({ commands }) => commands)
    .filter(({ decision }) => decision === 'serves')
    .map(({ command }) => command)
  t.same(others, [])
  const stage = await startGateway(t)
  const { id, secret } = stage.tenant.client
  const mine = command
    ?.replace('https://your-tenant.eu.qlikcloud.com', stage.tenant.origin)
    .replace('CLIENT_ID=…', `CLIENT_ID=${id}`)
    .replace('CLIENT_SECRET=…', `CLIENT_SECRET=${secret}`)
  t.notMatch(mine, '…')
  const port = await reservePort()
  const { cwd, env } = prepareFolder(t, { PORT: String(port) })
  // A group of their own, as in a terminal.
  const child = spawn('bash', ['-c', mine ?? ''], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  noteOutputOf(child)
  const exited = once(child, 'exit')
  t.teardown(() => { if (child.exitCode === null) process.kill(-(child.pid as number), 'SIGKILL') })
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('"ready"')) break
  t.match((await fetch(`http://localhost:${port}/login`, { redirect: 'manual' })).headers.get('location'), stage.tenant.origin)
  process.kill(-(child.pid as number), 'SIGTERM')
  await exited
})
