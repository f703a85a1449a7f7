import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Script } from 'node:vm'
import t from 'tap'
import { bundleRuntime } from '../runtime/bundle.js'
import { findProjectFolder } from '../runtime/project.js'
import { findChunk, findQlikApiModules, QLIK_API_VERSION } from '../runtime/qlik-api.js'

t.test('the runtime is bundled once, and then read from the disk without a word', async t => {
  const cacheFolder = t.testdir()
  const words: string[] = []
  const report = (message: string) => { words.push(message) }

  const [first, second] = await Promise.all([bundleRuntime({ report, cacheFolder }), bundleRuntime({ report, cacheFolder })])
  t.equal(
    words.filter(word => word.startsWith('Bundling the browser runtime, once')).length,
    2,
    'two starts at once both tell what they do'
  )
  t.same([...first.files.keys()].sort(), [...second.files.keys()].sort())
  t.equal((await readdir(cacheFolder)).length, 1, 'and leave one bundle and no parts of one')

  words.length = 0
  const third = await bundleRuntime({ report, cacheFolder })
  t.same(words, [])
  t.same(third.files, first.files)
})

t.test('a damaged cache is bundled over', async t => {
  const cacheFolder = t.testdir()
  await bundleRuntime({ cacheFolder })
  const [name] = await readdir(cacheFolder)
  await writeFile(join(cacheFolder, name ?? ''), '[["main.js","cut')
  t.ok((await bundleRuntime({ cacheFolder })).files.has('main.js'))
})

t.test('the bundle of an older version is removed', async t => {
  const cacheFolder = t.testdir({ 'runtime-0123456789abcdef.json': '[]', 'other.json': '{}' })
  await bundleRuntime({ cacheFolder })
  const names = await readdir(cacheFolder)
  t.notOk(names.includes('runtime-0123456789abcdef.json'))
  t.ok(names.includes('other.json'), 'what is not ours stays')
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
