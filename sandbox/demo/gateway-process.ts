import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** The real gateway in a process of its own. */
export interface GatewayProcess {
  /** Resolves with words for how it ended, whenever it does. */
  ended: Promise<string>
  stop (): Promise<void>
}

const readyWithinMs = 20_000
const stopWithinMs = 4_000

/** Starts `dist/cli.js` with these settings alone, and resolves once it answers; throws when it ends before or never answers. */
export async function startGatewayProcess (projectFolder: string, settings: Record<string, string>): Promise<GatewayProcess> {
  const program = join(projectFolder, 'dist', 'cli.js')
  if (!existsSync(program)) {
    throw new Error('The gateway is not built: run "npm run build", or start the demo with "npm run demo", which builds it.')
  }
  const environment = { ...settings, ...process.env.PATH === undefined ? {} : { PATH: process.env.PATH } }
  const child = spawn(process.execPath, [program], { cwd: projectFolder, env: environment, stdio: ['ignore', 'inherit', 'inherit'] })
  let running = true
  const kill = () => { child.kill('SIGKILL') }
  // However this process ends, the gateway does not outlive it.
  process.once('exit', kill)
  const ended = new Promise<string>(resolve => {
    child.once('error', error => { resolve(`The gateway could not be started: ${error.message}`) })
    child.once('exit', (code, signal) => {
      resolve(signal === null ? `The gateway ended with exit code ${code}.` : `The gateway was ended by ${signal}.`)
    })
  }).finally(() => {
    running = false
    process.off('exit', kill)
  })

  async function stop (): Promise<void> {
    if (running) child.kill('SIGTERM')
    // Not for ever: Ctrl-C must give the terminal back.
    const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs)
    await ended
    clearTimeout(timer)
  }

  const failure = await Promise.race([ended, waitUntilReady(`http://127.0.0.1:${settings.PORT}/readyz`, () => running)])
  if (failure === undefined) return { ended, stop }
  await stop()
  throw new Error(`${failure} What it said is above.`)
}

/** Resolves with nothing once the address answers 200, or with words when it took too long. */
async function waitUntilReady (url: string, isRunning: () => boolean): Promise<string | undefined> {
  const until = Date.now() + readyWithinMs
  while (isRunning() && Date.now() < until) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.ok === true) return undefined
    await delay(50)
  }
  return `The gateway did not answer at ${url} within ${readyWithinMs / 1000} seconds.`
}
