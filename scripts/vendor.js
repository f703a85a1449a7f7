// Puts the two packages that the demo page uses into public/vendor/, as a browser takes them. Does nothing when they are there already.
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const projectFolder = dirname(dirname(fileURLToPath(import.meta.url)))
const vendorFolder = join(projectFolder, 'public', 'vendor')
const require = createRequire(join(projectFolder, 'package.json'))

/** What the page calls of @qlik/api; the package itself has no file that a browser could load as it is. */
const apiEntry = `export { getItems } from '@qlik/api/items'
export { getSpaces } from '@qlik/api/spaces'
export { openAppSession } from '@qlik/api/qix'
`

const entryPath = join(projectFolder, 'vendor-entry.js')
const nodeOnlyPath = join(projectFolder, 'vendor-node-only.js')

/** @type {(folder: string) => Promise<{ name: string, version: string, license: string, licenseText: string }>} */
async function describePackage (folder) {
  const [manifest, licenseText] = await Promise.all(['package.json', 'LICENSE'].map(name => readFile(join(folder, name), 'utf8')))
  const { name, version, license } = JSON.parse(manifest)
  return { name, version, license, licenseText: licenseText.trim() }
}

/** @type {(entry: string) => Promise<string>} */
async function bundle (entry) {
  // Not at the top: the usual run has nothing to bundle.
  const { rolldown } = await import('rolldown')
  const build = await rolldown({
    cwd: projectFolder,
    input: 'vendor:entry',
    platform: 'browser',
    logLevel: 'silent',
    plugins: [{
      name: 'vendor-entry',
      resolveId (id, _importer, { kind }) {
        if (id === 'vendor:entry') return entryPath
        // Of what it loads late only the loader of main.js (dist-…) is for browsers; the rest, two thirds of the code, serves Node.
        return kind === 'dynamic-import' && !id.startsWith('./dist-') ? nodeOnlyPath : null
      },
      load: id => id === entryPath ? entry : id === nodeOnlyPath ? 'export {}' : null
    }]
  })
  try {
    const { output: [{ code }] } = await build.generate({ format: 'es', minify: true, codeSplitting: false })
    if (!code.includes('/qlik-embed/main.js')) throw new Error('The loader of main.js is not where @qlik/api had it before: adapt scripts/vendor.js to its new version.')
    return code
  } finally {
    await build.close()
  }
}

const [components, api] = await Promise.all(['@qlik/embed-web-components', '@qlik/api'].map(async name => {
  const folder = dirname(require.resolve(name)).replace(/\/dist$/, '')
  return { ...await describePackage(folder), folder }
}))

const notice = `Files in this folder are made by scripts/vendor.js from packages of Qlik.

embed-web-components.js   ${components.name} ${components.version}, its dist/index.js unchanged below a comment
qlik-api.js               ${api.name} ${api.version}: items, spaces and qix, bundled

${[components, api].map(({ name, version, license, licenseText }) => `--- ${name} ${version} (${license})\n\n${licenseText}\n`).join('\n')}`

const stamp = createHash('sha256').update(await readFile(fileURLToPath(import.meta.url))).update(notice).digest('hex')
const stampFile = join(vendorFolder, '.stamp')

if (await readFile(stampFile, 'utf8').catch(() => '') !== stamp) {
  const head = ({ name, version, license }) => `/*! ${name} ${version}, licence ${license}: see LICENSES.txt */\n`
  const files = {
    'embed-web-components.js': head(components) + await readFile(join(components.folder, 'dist', 'index.js'), 'utf8'),
    'qlik-api.js': head(api) + await bundle(apiEntry),
    'LICENSES.txt': notice,
    // Last: what was interrupted is done again.
    '.stamp': stamp
  }
  await mkdir(vendorFolder, { recursive: true })
  for (const [name, content] of Object.entries(files)) await writeFile(join(vendorFolder, name), content)
}
