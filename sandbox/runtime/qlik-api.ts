import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The only version of @qlik/api whose inner chunks are known to work with the bundle. */
export const QLIK_API_VERSION = '2.19.0'

/**
 * Paths of the chunks of @qlik/api that a Qlik Cloud tenant serves as runtime modules,
 * and of the public module with its default interceptors.
 */
export interface QlikApiModules { auth: string, invokeFetch: string, qix: string, interceptors: string }

// @qlik/api has no entry points for these modules: in a browser it expects the tenant to serve them.
const marks = {
  auth: '//#region src/auth/auth.ts',
  invokeFetch: '//#region src/invoke-fetch/invoke-fetch.ts',
  qix: '//#region src/qix/qix.ts'
}

const remedy = `Install @qlik/api ${QLIK_API_VERSION} (npm ci), or adapt sandbox/runtime/qlik-api.ts to the new version.`

/**
 * Finds the chunks in the copy of @qlik/api that `projectFolder` uses.
 * Throws an error with the remedy when the package is missing or has another version.
 */
export async function findQlikApiModules (projectFolder: string): Promise<QlikApiModules> {
  const folder = resolveFolder(projectFolder)
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string }
  if (version !== QLIK_API_VERSION) {
    throw new Error(`The browser runtime is made from inner parts of @qlik/api ${QLIK_API_VERSION}, and ${version} is installed. ${remedy}`)
  }
  const chunks = await readChunks(join(folder, 'chunks'))
  return {
    auth: findChunk(chunks, marks.auth),
    invokeFetch: findChunk(chunks, marks.invokeFetch),
    qix: findChunk(chunks, marks.qix),
    interceptors: join(folder, 'interceptors.js')
  }
}

function resolveFolder (projectFolder: string): string {
  try {
    return dirname(createRequire(join(projectFolder, 'sandbox', 'package.json')).resolve('@qlik/api'))
  } catch (cause) {
    throw new Error(`The browser runtime needs the package @qlik/api, which is not installed. ${remedy}`, { cause })
  }
}

async function readChunks (folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder)).filter(name => name.endsWith('.js'))
  return new Map(await Promise.all(names.map(async name => {
    const path = join(folder, name)
    return [path, await readFile(path, 'utf8')] as const
  })))
}

/** Returns the chunk with `mark` on a line of its own. Throws an error if there is none, or more than one. */
export function findChunk (chunks: Map<string, string>, mark: string): string {
  const found = [...chunks].filter(([, source]) => source.split('\n').includes(mark)).map(([path]) => path)
  const [path] = found
  if (path === undefined || found.length > 1) {
    throw new Error(
      `${found.length} chunks of @qlik/api hold the mark «${mark}», where one is expected: ` +
      `the package is not the one that was published as ${QLIK_API_VERSION}. ${remedy}`
    )
  }
  return path
}
