// Puts the two packages that the demo page uses into public/vendor/, as a browser takes them, and compresses all that the page is made of.
// Does nothing when that is done already.
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const projectFolder = dirname(dirname(fileURLToPath(import.meta.url)))
const publicFolder = join(projectFolder, 'public')
const vendorFolder = join(publicFolder, 'vendor')
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
    if (!code.includes('/qlik-embed/main.js')) {
      throw new Error('The loader of main.js is not where @qlik/api had it before: adapt scripts/vendor.js to its new version.')
    }
    return code
  } finally {
    await build.close()
  }
}

const hashOf = (...texts) => texts.reduce((hash, text) => hash.update(text), createHash('sha256')).digest('hex')

/** @type {(keep: (path: string) => boolean) => Promise<string[]>} */
async function listFiles (keep) {
  const entries = await readdir(publicFolder, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name)).filter(keep).sort()
}

const isCompressed = path => /\.(?:br|gz)$/.test(path)

/** Compresses what is worth it, beside the file; the server chooses by Accept-Encoding. */
async function compress () {
  for (const path of await listFiles(path => !isCompressed(path) && path !== stampFile)) {
    const content = await readFile(path)
    if (content.length < 1024) continue
    await writeFile(`${path}.br`, brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }))
    await writeFile(`${path}.gz`, gzipSync(content, { level: 9 }))
  }
}

const [components, api] = await Promise.all(['@qlik/embed-web-components', '@qlik/api'].map(async name => {
  const folder = dirname(require.resolve(name)).replace(/\/dist$/, '')
  return { ...await describePackage(folder), folder }
}))

const notice = `Files in this folder are made by scripts/vendor.js from packages of Qlik.

embed-web-components.….js   ${components.name} ${components.version}, its dist/index.js unchanged below a comment
qlik-api.….js               ${api.name} ${api.version}: items, spaces and qix, bundled

${[components, api].map(({ name, version, license, licenseText }) => `--- ${name} ${version} (${license})\n\n${licenseText}\n`).join('\n')}`

const stampFile = join(vendorFolder, '.stamp')
const pageFiles = await listFiles(path => !isCompressed(path) && !path.startsWith(vendorFolder))
const stamp = hashOf(await readFile(fileURLToPath(import.meta.url)), notice, ...await Promise.all(pageFiles.map(path => readFile(path))))

if (await readFile(stampFile, 'utf8').catch(() => '') !== stamp) {
  const head = ({ name, version, license }) => `/*! ${name} ${version}, licence ${license}: see LICENSES.txt */\n`
  const modules = [
    {
      name: 'embed-web-components',
      code: head(components) + await readFile(join(components.folder, 'dist', 'index.js'), 'utf8'),
      lead: file => `import './${file}'\n`
    },
    { name: 'qlik-api', code: head(api) + await bundle(apiEntry), lead: file => `export * from './${file}'\n` }
  ]
  await rm(vendorFolder, { recursive: true, force: true })
  for (const path of await listFiles(isCompressed)) await rm(path)
  await mkdir(vendorFolder)
  await writeFile(join(vendorFolder, 'LICENSES.txt'), notice)
  for (const { name, code, lead } of modules) {
    // A name with the hash of its content may be kept for ever; the plain name leads to it.
    const file = `${name}.${hashOf(code).slice(0, 16)}.js`
    await writeFile(join(vendorFolder, file), code)
    await writeFile(join(vendorFolder, `${name}.js`), lead(file))
  }
  await compress()
  // Last: what was interrupted is done again.
  await writeFile(stampFile, stamp)
}
