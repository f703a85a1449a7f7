import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Finds the folder of the project: the nearest one above this file that holds a package.json, be it run from sources or compiled. */
export function findProjectFolder (): string {
  const start = dirname(fileURLToPath(import.meta.url))
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder
    if (dirname(folder) === folder) throw new Error(`No folder above ${start} holds a package.json, so the browser runtime's sources cannot be found. Run the sandbox from a checkout of the project.`)
  }
}
