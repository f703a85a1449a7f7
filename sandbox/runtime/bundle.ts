import { join } from 'node:path'
import { buildRuntime } from './build.js'
import { computeRuntimeKey, readRuntime, writeRuntime } from './cache.js'
import { findProjectFolder } from './project.js'

/** What the tenant serves below `/qlik-embed/`: content type and body by path, at least `main.js`. */
export interface RuntimeBundle { files: Map<string, { type: string, body: Buffer }> }

/**
 * `report` receives progress messages. `cacheFolder` stores bundles and is `node_modules/.cache/qlik-embed-gateway` by
 * default.
 */
export interface BundleOptions { report?: (message: string) => void, cacheFolder?: string }

/**
 * Returns the browser runtime: from the cache on disk, or bundled again if a package or a browser source has changed.
 */
export async function bundleRuntime ({ report, cacheFolder }: BundleOptions = {}): Promise<RuntimeBundle> {
  const projectFolder = findProjectFolder()
  const folder = cacheFolder ?? join(projectFolder, 'node_modules', '.cache', 'qlik-embed-gateway')
  const key = await computeRuntimeKey(projectFolder)
  const code = await readRuntime(folder, key) ?? await build()
  return {
    files: new Map([...code].map(([path, source]) => [path, { type: 'text/javascript; charset=utf-8', body: Buffer.from(source) }]))
  }

  async function build () {
    const startedAt = performance.now()
    report?.('Bundling the browser runtime, once for this version of the charts (a few seconds) …')
    const built = await buildRuntime(projectFolder)
    await writeRuntime(folder, key, built)
    const size = [...built.values()].reduce((sum, source) => sum + Buffer.byteLength(source), 0)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    report?.(`Browser runtime bundled: ${built.size} files, ${(size / 1e6).toFixed(1)} MB, ${seconds} s.`)
    return built
  }
}
