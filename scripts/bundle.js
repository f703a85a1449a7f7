// npm run build: joins the modules of the command and of its packages into few files, because a start spends most of its
// time on finding and compiling modules. What only some commands or settings need is loaded when they do, as before.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { rolldown } from 'rolldown'

// They hold native code, find their parts by name, or are loaded by some settings only.
const apart = ['@opentelemetry', '@redis', 'pino', 'pino-pretty', 'prom-client', 'sodium-native', 'yaml']
const folder = 'dist/command'

rmSync(folder, { recursive: true, force: true })
const bundle = await rolldown({
  input: 'src/cli.ts',
  platform: 'node',
  resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
  external: id => apart.some(name => id === name || id.startsWith(`${name}/`))
})
const { output } = await bundle.write({ dir: 'dist', entryFileNames: 'cli.js', chunkFileNames: 'command/[name].js', format: 'esm' })
await bundle.close()

const modules = output.flatMap(file => file.type === 'chunk' ? file.moduleIds : [])
const packages = new Set(modules.flatMap(id => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? []))
const licences = [...packages].map(from => {
  const { name, version, license } = JSON.parse(readFileSync(`${from}/package.json`, 'utf8'))
  const file = readdirSync(from).find(file => /^licen[cs]e/i.test(file))
  return `--- ${name} ${version} (${license})\n\n${file === undefined ? '' : `${readFileSync(`${from}/${file}`, 'utf8')}\n`}`
})
writeFileSync(`${folder}/LICENSES.txt`, `Files in this folder hold code of these packages.\n\n${[...new Set(licences)].sort().join('\n')}`)
