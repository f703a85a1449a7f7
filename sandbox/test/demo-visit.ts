import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import { createBrowser, login } from '../../test/helpers/browser-jar.js'
import { reservePort } from '../../test/helpers/ports.js'
import { alice } from '../identities.js'

/** Starts the demo by this command, signs in, and stops it as a terminal does. */
export async function visitDemo (t: Test, [command, ...words]: [command: string, ...words: string[]]): Promise<void> {
  const port = await reservePort()
  // Detached, so that the command and what it starts form one process group, as in a terminal.
  const demo = spawn(command, words, { detached: true, env: { ...process.env, PORT: String(port) }, stdio: ['ignore', 'pipe', 'pipe'] })
  const group = -(demo.pid as number)
  const exited = once(demo, 'exit')
  t.teardown(() => { if (demo.exitCode === null) process.kill(group, 'SIGKILL') })
  let said = ''
  demo.stderr.on('data', chunk => { said += String(chunk) })
  for await (const chunk of demo.stdout) {
    said += String(chunk)
    if (said.includes('Ctrl-C')) break
  }
  const origin = `http://localhost:${port}`
  t.match(said, `Open  ${origin}`)
  t.match(said, alice.password)
  const browser = createBrowser()
  const page = await login(browser, `${origin}/login`, alice)
  t.equal(page.url, `${origin}/`)
  t.match(await page.text(), '<title>')
  const session = await browser.fetch(`${origin}/gateway/session`)
  t.match(await session.json(), { authenticated: true, user: { name: alice.name } })
  process.kill(group, 'SIGINT')
  await exited
  await t.rejects(fetch(origin), 'nobody is left')
}
