import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Returns the folder of the project: the nearest one from `folder` upwards that contains sandbox/package.json.
 * `folder` is that of this file by default, which works for the sources and for the compiled code.
 */
export function findProjectFolder (folder = dirname(fileURLToPath(import.meta.url))): string {
  if (existsSync(join(folder, 'sandbox', 'package.json'))) return folder
  const parent = dirname(folder)
  if (parent === folder) {
    throw new Error(
      'The sources of the browser runtime cannot be found: no folder above holds sandbox/package.json. ' +
      'Run the sandbox from a checkout of the project.'
    )
  }
  return findProjectFolder(parent)
}
