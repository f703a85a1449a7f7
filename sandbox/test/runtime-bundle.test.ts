import { readdir } from 'node:fs/promises'
import { Script } from 'node:vm'
import t from 'tap'
import { bundleRuntime } from '../runtime/bundle.js'
import { computeRuntimeKey, readRuntime, writeRuntime } from '../runtime/cache.js'
import { findProjectFolder } from '../runtime/project.js'
import { findChunk, findQlikApiModules, QLIK_API_VERSION } from '../runtime/qlik-api.js'

t.test('the runtime is bundled once, and then read from the disk without a word', async t => {
  const cacheFolder = t.testdir({ 'runtime-0123456789abcdef.json': '[]', 'other.json': '{}' })
  const words: string[] = []
  const report = (message: string) => { words.push(message) }
  const first = await bundleRuntime({ report, cacheFolder })
  t.match(words, [/^Bundling the browser runtime, once/, /^Browser runtime bundled/])
  const key = await computeRuntimeKey(findProjectFolder())
  const names = (await readdir(cacheFolder)).sort()
  t.same(names, ['other.json', `runtime-${key}.json`], 'that of an older version goes, what is not ours stays')

  words.length = 0
  t.same((await bundleRuntime({ report, cacheFolder })).files, first.files)
  t.same(words, [])
})

t.test('two starts at once leave one bundle and no parts of one', async t => {
  const cacheFolder = t.testdir()
  const code = new Map([['main.js', 'x'.repeat(1_000_000)]])
  await Promise.all([writeRuntime(cacheFolder, '0', code), writeRuntime(cacheFolder, '0', code)])
  t.same(await readdir(cacheFolder), ['runtime-0.json'])
  t.same(await readRuntime(cacheFolder, '0'), code)
})

t.test('a damaged bundle counts as none', async t => {
  t.equal(await readRuntime(t.testdir({ 'runtime-0.json': '[["main.js","cut' }), '0'), undefined)
})

t.test('main.js is a classic script, and names only files that are served beside it', async t => {
  const { files } = await bundleRuntime()
  const main = files.get('main.js')
  t.equal(main?.type, 'text/javascript; charset=utf-8')
  const source = main?.body.toString() ?? ''
  t.doesNotThrow(() => new Script(source))
  const named = [...source.matchAll(/`([a-z-]+\.js)`/g)].map(([, name]) => name ?? '')
  t.equal(named.length, 6)
  for (const name of named) t.ok(files.has(name), name)
})

t.test('another version of @qlik/api stops the bundling with the two versions and the remedy', async t => {
  const folder = t.testdir({
    node_modules: { '@qlik': { api: { 'package.json': '{"name":"@qlik/api","version":"2.20.0","exports":"./index.js"}', 'index.js': '' } } }
  })
  await t.rejects(findQlikApiModules(folder), { message: new RegExp(`@qlik/api ${QLIK_API_VERSION}, and 2\\.20\\.0 is installed.*npm ci`) })
})

t.test('a missing @qlik/api stops the bundling with the remedy', async t => {
  // Without an entry point: a package that is not there at all would be looked for in the folders above.
  const folder = t.testdir({ node_modules: { '@qlik': { api: { 'package.json': '{"name":"@qlik/api","exports":{}}' } } } })
  await t.rejects(findQlikApiModules(folder), { message: /needs the package @qlik\/api, which is not installed.*npm ci/ })
})

t.test('outside of a project the sources are not found, and the message says what to do', async t => {
  t.throws(() => findProjectFolder('/'), { message: /no folder above holds sandbox\/package\.json.*Run the sandbox from a checkout/ })
})

t.test('a mark that no chunk or several chunks hold stops the bundling', async t => {
  const chunks = new Map([['a.js', '//#region one\n'], ['b.js', '//#region two\n'], ['c.js', 'x\n//#region two\n//#region twofold\n']])
  t.equal(findChunk(chunks, '//#region one'), 'a.js')
  t.throws(() => findChunk(chunks, '//#region two'), { message: /2 chunks of @qlik\/api hold the mark «\/\/#region two»/ })
  t.throws(() => findChunk(chunks, '//#region three'), { message: /0 chunks .*npm ci/ })
})
