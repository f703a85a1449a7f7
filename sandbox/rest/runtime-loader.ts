import type { RuntimeBundle } from '../runtime/bundle.js'

/** Answers the browser runtime, bundled or read from the cache at the first call; a failure is tried again at the next. */
export type LoadRuntime = () => Promise<RuntimeBundle>

/** Makes the loader. The bundler itself is loaded only then too: it takes a while, and most tests want none. */
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
