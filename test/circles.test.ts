import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import ts from 'typescript'

type Imports = ReadonlyMap<string, readonly string[]>

/** What each source of a folder imports by relative names, types included. */
function readImports (folder: string): [string, string[]][] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && !name.includes('node_modules'))
    .map(name => join(folder, name))
    .map(file => [file, ts.preProcessFile(readFileSync(file, 'utf8')).importedFiles
      .map(({ fileName }) => fileName)
      .filter(name => name.startsWith('.'))
      .map(name => join(dirname(file), name).replace(/\.js$/, '.ts'))])
}

/** The first file found that leads back to itself: the way, file by file. Files that lead to none are remembered in `clear`. */
function findCircle (imports: Imports, file: string, way: readonly string[] = [], clear = new Set<string>()): readonly string[] | undefined {
  if (way.includes(file)) return [...way.slice(way.indexOf(file)), file]
  if (clear.has(file)) return undefined
  for (const imported of imports.get(file) ?? []) {
    const circle = findCircle(imports, imported, [...way, file], clear)
    if (circle !== undefined) return circle
  }
  clear.add(file)
  return undefined
}

function findCircles (imports: Imports): (readonly string[])[] {
  const clear = new Set<string>()
  return [...imports.keys()].map(file => findCircle(imports, file, [], clear)).filter(circle => circle !== undefined)
}

t.test('no file imports itself by way of others, not even types', async t => {
  const imports = new Map(['src', 'sandbox', 'bench', 'test', 'browser', 'examples'].flatMap(readImports))
  t.ok(imports.get('src/gateway.ts')?.includes('src/admission/admission.ts'), 'imports are found')
  t.same(findCircles(imports), [])
})

t.test('a circle is found, however many files it passes', async t => {
  const imports = new Map([['top', ['a']], ['a', ['b', 'c']], ['b', []], ['c', ['d']], ['d', ['b', 'a']]])
  t.same(findCircles(imports)[0], ['a', 'c', 'd', 'a'])
})
