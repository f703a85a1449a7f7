import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { gatewaySchema } from '../settings/gateway-schema.js'
import { CommandError, readCall, type Command } from './command.js'

/** `keys`: generates and rotates session keys. */
export const keysCommand: Command = {
  usage: `qlik-embed-gateway keys generate [file]

Prints a new session key, or writes it to a file that is not there yet.

qlik-embed-gateway keys rotate file [how many keys to keep]

Puts a new key before those of the file and keeps three, unless told otherwise. A gateway
with SESSION_KEYS_FILE takes it over without a restart.
`,
  async run (words, { out }) {
    out(`${runKeysCommand(readCall(words, {}).positionals)}\n`)
    return 0
  }
}

// Three keys cover two rotations: if keys are not rotated more often than sessions end, a session that has not been
// used since then has ended.
const keptUnlessTold = 3

/** `keys generate [file]` and `keys rotate file [how many to keep]`. Returns the line to print. Raises CommandError. */
export function runKeysCommand ([action, file, kept = String(keptUnlessTold)]: readonly string[]): string {
  const key = randomBytes(32).toString('base64')
  if (action === 'generate' && file === undefined) return key
  if (action === 'generate' && file !== undefined) {
    attempt(file, () => { writeFileSync(file, textOf([key]), newFile) })
    return `${file} holds a new key.`
  }
  if (action !== 'rotate' || file === undefined || !/^[1-9]\d?$/.test(kept)) {
    throw new CommandError('Use: keys generate [file], or keys rotate file [how many keys to keep, 1 to 99]')
  }
  const keys = [key, ...readKeys(file)].slice(0, Number(kept))
  const beside = `${file}.${process.pid}.new`
  attempt(file, () => {
    try {
      writeFileSync(beside, textOf(keys), newFile)
      // A reader sees the old keys or the new ones, never a part.
      renameSync(beside, file)
    } finally {
      rmSync(beside, { force: true })
    }
  })
  return `${file} holds ${keys.length} ${keys.length === 1 ? 'key' : 'keys'}; the first is new and seals from now on.`
}

function readKeys (file: string): string[] {
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch (error) {
    throw new CommandError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}): create it by keys generate ${file}`)
  }
  const parsed = gatewaySchema.shape.sessionKeys.safeParse(content.trim())
  if (!parsed.success) throw new CommandError(`${file} ${parsed.error.issues[0]?.message}; nothing was changed`)
  return parsed.data.map(key => key.toString('base64'))
}

const newFile = { mode: 0o600, flag: 'wx' }

function textOf (keys: readonly string[]): string {
  return `${keys.join('\n')}\n`
}

function attempt (file: string, write: () => void): void {
  try {
    write()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new CommandError(code === 'EEXIST'
      ? `${file} is there already: use keys rotate to add a key`
      : `${file} cannot be written (${code}): name a file in a folder that can`)
  }
}
