import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Tenant } from '../tenant.js'

/** A gateway in a process of its own. */
export interface GatewayProcess {
  /** Resolves with a description of how the process ended. */
  ended: Promise<string>
  stop (): Promise<void>
}

/** The settings of a gateway at this port of localhost, with a new key, for a tenant of the sandbox. */
export function settingsFor ({ origin, client }: Pick<Tenant, 'origin' | 'client'>, port: number): Record<string, string> {
  return {
    QLIK_TENANT_URL: origin,
    QLIK_CLIENT_ID: client.id,
    QLIK_CLIENT_SECRET: client.secret,
    PUBLIC_URL: `http://localhost:${port}`,
    PORT: String(port),
    SESSION_KEYS: randomBytes(32).toString('base64'),
    LOG_LEVEL: 'warn'
  }
}

const readyWithinMs = 20_000
const stopWithinMs = 4_000

/**
 * Starts `dist/cli.js` with only these settings. Resolves when it answers; throws when it ends before that or never
 * answers.
 */
export async function startGatewayProcess (projectFolder: string, settings: Record<string, string>): Promise<GatewayProcess> {
  const program = join(projectFolder, 'dist', 'cli.js')
  if (!existsSync(program)) {
    throw new Error('The gateway is not built: run "npm run build", or start the demo with "npm run demo", which builds it.')
  }
  const environment = { ...settings, ...process.env.PATH === undefined ? {} : { PATH: process.env.PATH } }
  const child = spawn(process.execPath, [program], { cwd: projectFolder, env: environment, stdio: ['ignore', 'inherit', 'inherit'] })
  let running = true
  const kill = () => { child.kill('SIGKILL') }
  // The gateway must not outlive this process, however it ends.
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
    // A timeout, because Ctrl-C must return to the terminal.
    const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs)
    await ended
    clearTimeout(timer)
  }

  const failure = await Promise.race([ended, waitUntilReady(`http://127.0.0.1:${settings.PORT}/readyz`, () => running)])
  if (failure === undefined) return { ended, stop }
  await stop()
  throw new Error(`${failure} What it said is above.`)
}

/** Resolves with undefined when the address answers 200, or with an error message when that took too long. */
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
