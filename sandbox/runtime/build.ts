import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { InputOptions, Plugin, RolldownOutput } from 'rolldown'
import { findQlikApiModules, type QlikApiModules } from './qlik-api.js'

/** The files of the bundle with their code. `main.js` is a classic script, all others are modules. */
export type RuntimeCode = Map<string, string>

/** Bundles the browser runtime from `projectFolder`, which takes some seconds. */
export async function buildRuntime (projectFolder: string): Promise<RuntimeCode> {
  // Imported here, because a start from the cache should not load the bundler.
  const { rolldown } = await import('rolldown')
  const browserFolder = join(projectFolder, 'sandbox', 'runtime', 'browser')
  const modules = await findQlikApiModules(projectFolder)
  const shared = readShared(projectFolder, modules)

  const main = await rolldown({ ...shared, input: { main: join(browserFolder, 'main.ts') } })
  const rest = await rolldown({
    ...shared,
    input: {
      auth: modules.auth,
      'invoke-fetch': modules.invokeFetch,
      qix: modules.qix,
      'embed-vanilla': join(browserFolder, 'embed-vanilla.ts'),
      'initial-app-state': join(browserFolder, 'initial-app-state.ts'),
      'oauth-callback': join(browserFolder, 'oauth-callback.ts')
    },
    preserveEntrySignatures: 'allow-extension'
  })
  try {
    return new Map([
      ...readCode(await main.generate({ format: 'iife', minify: true })),
      ...readCode(
        await rest.generate({ format: 'es', minify: true, entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' })
      )
    ])
  } finally {
    await Promise.all([main.close(), rest.close()])
  }
}

function readShared (projectFolder: string, modules: QlikApiModules): InputOptions {
  return {
    cwd: projectFolder,
    platform: 'browser',
    tsconfig: false,
    logLevel: 'silent',
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
    resolve: {
      extensionAlias: { '.js': ['.js', '.ts'] },
      alias: {
        '@nebula.js/stardust': createRequire(join(projectFolder, 'sandbox', 'package.json')).resolve('@nebula.js/stardust/dist/stardust.js')
      }
    },
    plugins: [resolveRuntimeModules(modules)]
  }
}

/**
 * Makes the sandbox's browser code import the same modules that are served to @qlik/api: two copies would have two
 * lists of sessions.
 */
function resolveRuntimeModules (modules: QlikApiModules): Plugin {
  const paths = new Map([
    ['runtime:auth', modules.auth],
    ['runtime:invoke-fetch', modules.invokeFetch],
    ['runtime:qix', modules.qix],
    ['runtime:interceptors', modules.interceptors]
  ])
  return { name: 'runtime-modules', resolveId: id => paths.get(id) ?? null }
}

function readCode ({ output }: RolldownOutput): [string, string][] {
  return output.filter(file => file.type === 'chunk').map(({ fileName, code }) => [fileName, code])
}
