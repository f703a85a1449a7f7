import type { QlikMain } from './qlik-main.js'

const modules = new Map([
  ['auth@v1', 'auth.js'],
  ['invoke-fetch@v1', 'invoke-fetch.js'],
  ['qix@v1', 'qix.js'],
  ['embed-vanilla@v1', 'embed-vanilla.js'],
  ['initial-app-state@v1', 'initial-app-state.js'],
  ['oauth-callback@v1', 'oauth-callback.js']
])

// Several loaders on one page may add this script, but sessions can only be shared through one QlikMain.
globalThis.QlikMain ??= createQlikMain(document.currentScript)

function createQlikMain (script: HTMLOrSVGScriptElement | null): QlikMain {
  if (!(script instanceof HTMLScriptElement) || script.src === '') {
    throw new Error(
      'The Qlik runtime must be loaded by <script src=".../qlik-embed/main.js">, not as a module and not inline: ' +
      'it loads its other files from its own address.'
    )
  }
  const folder = new URL('.', script.src)
  const rootUrl = new URL('..', folder).href.replace(/\/$/, '')
  return {
    import: importModule,
    getRootUrl: () => rootUrl,
    // Product information and the like are public and requested without cookies.
    resourceNeedsCredentials: () => false,
    applyFeatureOverrides: async () => {},
    // On localhost @qlik/api writes test hooks into this object without checking that it exists.
    INTERNAL__DO_NOT_USE: {}
  }

  async function importModule (name: string): Promise<unknown> {
    const file = modules.get(name)
    if (file === undefined) {
      throw new Error(`The sandbox tenant has no runtime module «${name}». It serves ${[...modules.keys()].join(', ')}.`)
    }
    const url = new URL(file, folder).href
    return await import(/* @vite-ignore */ url)
  }
}
