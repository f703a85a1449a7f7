import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { variables } from '../../settings/variables.js'
import { CommandError } from '../command.js'

/** Where settings go that nobody can read a second time. */
export interface SettingsFile {
  write: (text: string) => void
  /** Leaves nothing behind. */
  drop: () => void
}

/**
 * Makes the file before anything else is done: a secret that cannot be written is lost. It is never overwritten, and
 * for nobody else to read.
 */
export function reserveFile (path: string): SettingsFile {
  let file: number
  try {
    file = openSync(path, 'wx', 0o600)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new CommandError(code === 'EEXIST'
      ? `${path} is there already: move it away, or name another file.`
      : `${path} cannot be written (${code}): name a file in a folder that can.`)
  }
  return {
    write (text) {
      writeSync(file, text)
      closeSync(file)
    },
    drop () {
      closeSync(file)
      rmSync(path)
    }
  }
}

/** Settings as an entry of the list of tenants in a file of settings. */
export async function renderEntry (name: string, settings: Record<string, string | undefined>): Promise<string> {
  const { stringify } = await import('yaml')
  const options = Object.entries(settings).filter(([, value]) => value !== undefined).map(([variable, value]) => [
    variables[variable as keyof typeof variables], value
  ])
  return stringify([{ name, ...Object.fromEntries(options) as Record<string, string> }])
}

/** Settings as Node reads them with --env-file. */
export function renderSettings (settings: Record<string, string | undefined>): string {
  const quote = (value: string) => /\s/.test(value) ? `"${value}"` : value
  return Object.entries(settings).flatMap(([name, value]) => value === undefined ? [] : `${name}=${quote(value)}\n`).join('')
}
