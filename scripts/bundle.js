// npm run build: joins the modules of the command into few files, without what nothing uses, because a start spends
// most of its time on finding and compiling modules. What only some commands or settings need is loaded when they do,
// as before.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { rolldown } from 'rolldown'

// Packages of many small ES modules. Those that hold native code or find their parts by name, and those of CommonJS, stay packages.
const joined = ['jose', 'lru-cache', 'oauth4webapi', 'zod']
const folder = 'dist/command'

rmSync(folder, { recursive: true, force: true })
const bundle = await rolldown({
  input: 'src/cli.ts',
  platform: 'node',
  resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
  external: id => /^[@a-z]/.test(id) && !joined.some(name => id === name || id.startsWith(`${name}/`))
})
await bundle.write({ dir: 'dist', entryFileNames: 'cli.js', chunkFileNames: 'command/[name].js', format: 'esm' })
await bundle.close()

const licences = joined.map(name => {
  const from = `node_modules/${name}`
  const { version, license } = JSON.parse(readFileSync(`${from}/package.json`, 'utf8'))
  const file = readdirSync(from).find(file => /^licen[cs]e/i.test(file))
  return `--- ${name} ${version} (${license})\n\n${readFileSync(`${from}/${file}`, 'utf8')}\n`
})
writeFileSync(`${folder}/LICENSES.txt`, `Files in this folder hold code of these packages.\n\n${licences.join('\n')}`)
