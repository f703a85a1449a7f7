import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import { bareNode } from './bare-node.js'
import { reservePort } from './ports.js'
import { noteOutputOf } from './run-record.js'

export interface Example {
  example: ChildProcess
  /** Status and signal of its end. */
  exited: Promise<unknown[]>
  /** What it says before it serves. */
  said: string
  /** Of its page. */
  address: string
}

/** Starts an example by its command, on ports of its own. What the command builds first is built before the tests. */
export async function startExample (t: Test, name: string): Promise<Example> {
  const ports = [await reservePort(), await reservePort(), await reservePort()]
  // Detached: the command and the gateway are one group, as they are in a terminal.
  const [command, ...words] = bareNode
  const example = spawn(command, [...words, 'examples/start.js', name], {
    detached: true,
    env: { ...process.env, PORTS: ports.join() },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  noteOutputOf(example)
  const exited = once(example, 'exit')
  t.teardown(async () => {
    example.kill('SIGINT')
    await exited
  })
  let said = ''
  for await (const chunk of example.stdout) {
    said += String(chunk)
    if (said.includes('Ctrl-C')) break
  }
  const address = /The page: +(\S+)/.exec(said)?.[1]
  if (address === undefined) throw new Error(`The example ${name} has ended: ${said}`)
  return { example, exited, said, address }
}
