import type { RuntimeBundle } from '../runtime/bundle.js'

/**
 * Returns the browser runtime, which is bundled or read from the cache at the first call. After a failure the next call
 * tries again.
 */
export type LoadRuntime = () => Promise<RuntimeBundle>

/**
 * Makes the loader. It loads the bundler only when it is needed, because that is slow and most tests do not need it.
 */
export function createRuntimeLoader (cacheFolder: string | undefined, report: (line: string) => void): LoadRuntime {
  let loading: Promise<RuntimeBundle> | undefined
  const load = async (): Promise<RuntimeBundle> => {
    const { bundleRuntime } = await import('../runtime/bundle.js')
    return await bundleRuntime({ report, ...(cacheFolder === undefined ? {} : { cacheFolder }) })
  }
  return async () => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined
      throw error
    })
    return await loading
  }
}
