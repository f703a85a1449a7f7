import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { variables } from '../../settings/variables.js'
import { CommandError } from '../command.js'

/** A file for settings that cannot be read a second time. */
export interface SettingsFile {
  write: (text: string) => void
  /** Removes the file. */
  drop: () => void
}

/**
 * Creates the file before anything else is done, because a secret that cannot be written would be lost. It never
 * overwrites a file, and nobody else may read it.
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

/** Renders settings as an entry of the list of tenants in a configuration file. */
export async function renderEntry (name: string, settings: Record<string, string | undefined>): Promise<string> {
  const { stringify } = await import('yaml')
  const options = Object.entries(settings).filter(([, value]) => value !== undefined).map(([variable, value]) => [
    variables[variable as keyof typeof variables], value
  ])
  return stringify([{ name, ...Object.fromEntries(options) as Record<string, string> }])
}

/** Renders settings in the format of Node's --env-file. */
export function renderSettings (settings: Record<string, string | undefined>): string {
  const quote = (value: string) => /\s/.test(value) ? `"${value}"` : value
  return Object.entries(settings).flatMap(([name, value]) => value === undefined ? [] : `${name}=${quote(value)}\n`).join('')
}
