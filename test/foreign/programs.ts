import { execFile, spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { alice } from '../../sandbox/identities.js'
import type { Way } from './way.js'

/** Where packages of other languages are kept between runs. */
export const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'qlik-embed-gateway')

/** Runs a program until it ends, for a minute at most. The error of one that fails holds what it complained about. */
export async function run (file: string, words: readonly string[], more: { cwd?: string, env?: NodeJS.ProcessEnv } = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(file, words, { timeout: 60_000, maxBuffer: 64 * 1024 * 1024, ...more })
  return stdout
}

/** Why a command cannot be run on this machine; undefined when it can. */
export function findMissing (command: string): string | undefined {
  return spawnSync(command, ['--help'], { stdio: 'ignore' }).error === undefined ? undefined : `there is no ${command} on this machine`
}

/** Prepares what a test needs from a registry; why it cannot be had, or undefined. */
export async function whyNot (what: string, prepare: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await prepare()
    return undefined
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string }
    return `${what} cannot be had: ${(stderr ?? message).trim().split('\n').at(-1)}`
  }
}

const written = { status: 200, same: true }
const socket = { first: { method: 'OnConnected' }, answer: { id: 1, result: { qDocList: [{ qDocId: SALES_APP_ID }] } }, code: 1000 }
const size = 24 << 20

/** What every program must meet: it tells by these names what it tried. */
const expected = ({ origin, saysContinue }: Way) => ({
  // By a redirect of the tenant's to its own address.
  get: { status: 200, url: `${origin}/api/v1/users/${alice.id}`, user: { email: alice.email } },
  put: written,
  chunked: written,
  range: { status: 206, range: `bytes 1000000-1000999/${size}`, same: true },
  // A body that waits for 100 (Continue). Nobody is asked for one that nobody will read.
  continued: { status: 200, sent: size },
  refused: saysContinue ? { status: 401 } : { status: 401, sent: 0 },
  socket,
  compressed: socket
})

type Step = keyof ReturnType<typeof expected>

/** Runs a program with the cookie of a login, and compares what it tells as JSON with what it must meet. */
export async function checkProgram (t: Test, way: Way, command: readonly [string, ...string[]], steps: readonly Step[]): Promise<void> {
  const [file, ...words] = command
  const env = { ...process.env, ORIGIN: way.origin, COOKIE: way.cookie, APP: SALES_APP_ID }
  const met = JSON.parse(await run(file, words, { env })) as Record<string, unknown>
  const all = expected(way)
  for (const step of steps) t.match(met[step], all[step], step)
}
