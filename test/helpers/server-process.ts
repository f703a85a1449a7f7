import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { failureOf } from './failure.js'
import { until } from './log.js'

/**
 * Runs a server of this machine until the test ends; resolves once the origin answers. What to install is said when the
 * command is missing.
 */
export async function runServer (t: Test, origin: string, [command, ...words]: [string, ...string[]], install: string): Promise<void> {
  const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'pipe'] })
  const failed = once(child, 'error')
  const said = text(child.stderr)
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await exited.catch(() => {})
  })
  const ended = Promise.race([
    failed.then(([error]: unknown[]) => { throw new Error(`${command} cannot be started: install it (${install})`, { cause: error }) }),
    exited.then(async () => { throw new Error(`${command} has stopped: ${await said}`) })
  ])
  ended.catch(() => {})
  await Promise.race([ended, until(async () => await failureOf(fetch(origin)) === undefined)])
}
