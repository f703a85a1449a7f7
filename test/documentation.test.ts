import fastify from 'fastify'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { fileVariables, readConfig, variables } from '../src/settings/config.js'
import { configFileVariable } from '../src/settings/variables.js'
import { checks } from '../src/commands/doctor/checks.js'
import { errorTable } from '../src/errors.js'
import { gateway } from '../src/gateway.js'
import { documentedBlocks } from './helpers/documented-commands.js'
import { settingsFor } from './helpers/gateway.js'

const pages = new Map([
  'README.md', 'CONTRIBUTING.md', 'sandbox/README.md',
  ...readdirSync('docs').filter(name => name.endsWith('.md')).map(name => `docs/${name}`)
]
  .map(path => [path, readFileSync(path, 'utf8')]))
const readme = pages.get('README.md') as string
const settings = pages.get('docs/settings.md') as string

/** The names in code marks in the first cells of the tables of a text. */
function namesIn (text = ''): string[] {
  return [...text.matchAll(/^\| (.+?) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
}

/** What stands under a heading of a page. */
function sectionOf (page: string, heading: string): string | undefined {
  return pages.get(page)?.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0]
}

const exampleConfig = readConfig(
  settingsFor({ origin: 'https://tenant.example', client: { id: 'id', secret: 'secret' } }, 3000, { PORT: '', LOG_LEVEL: '' })
)

t.test('every setting is documented, and no other', async t => {
  t.same(namesIn(settings).sort(), [configFileVariable, ...Object.keys(variables), ...Object.keys(fileVariables)].sort())
})

t.test('the README names every setting that is required', async t => {
  const required = [...settings.matchAll(/^\| `(\w+)`.*? \| [^|]*required/gm)].map(([, name]) => name as string)
  t.ok(required.length > 3)
  t.same(required.filter(name => !readme.includes(name)), [])
})

t.test('the documented defaults are the real ones', async t => {
  const values: Record<string, unknown> = { ...exampleConfig.gateway, ...exampleConfig.server }
  const documented = [...settings.matchAll(/^\| `(\w+)` \| `([^`]+)` \|/gm)]
  t.ok(documented.length > 5)
  const valueOf = (variable: string) => {
    const value = values[variables[variable as keyof typeof variables]]
    return Array.isArray(value) ? value.join(' ') : String(value)
  }
  t.same(documented.map(([, name = '', text]) => [name, text]), documented.map(([, name = '']) => [name, valueOf(name)]))
})

t.test('every route is documented', async t => {
  const app = fastify()
  const routes = new Set<string>()
  app.addHook('onRoute', ({ url }) => { routes.add(url.replace(/(.)\/$/, '$1')) })
  await app.register(gateway, { ...exampleConfig.gateway, publicFolder: `${process.cwd()}/public` })
  await app.ready()
  t.teardown(async () => { await app.close() })
  const documented = namesIn(sectionOf('docs/apis.md', 'Routes')).map(name => name.replace(/^(GET|POST|WS) /, '').replace(/\?.*$/, ''))
  t.same([...routes].filter(route => !documented.includes(route) && !documented.includes(`${route}/*`)), [])
})

/** The fragments by which GitHub leads to the headings of a page. */
function fragmentsOf (path: string): string[] {
  return [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
  )
}

t.test('every error code is explained with its status, and no other', async t => {
  const rows = [...(pages.get('docs/troubleshooting.md') as string).matchAll(/^\| `(GW-[A-Z-]+)` \| (\d+) \|/gm)].map(
    ([, code, status]) => [code, Number(status)]
  )
  t.same(rows.sort(), Object.entries(errorTable).map(([code, { status }]) => [code, status]).sort())
})

t.test('every check of doctor is explained, in the order of the report', async t => {
  t.same(
    namesIn(pages.get('docs/doctor.md')).filter(name => !name.startsWith('GW-')),
    ['versions', 'settings', ...checks.map(({ name }) => name)]
  )
})

t.test('links inside the documentation lead to files and headings', async t => {
  const links = [...pages].flatMap(([page, text]) =>
    [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)].map(([, target = '', fragment]) =>
      ({ page, file: target === '' ? page : join(dirname(page), target), fragment })))
  t.ok(links.length > 100)
  t.same(links.filter(({ file, fragment }) =>
    !existsSync(file) || (fragment !== undefined && !fragmentsOf(file).includes(fragment))), [])
})

t.test('every picture is shown on a page, and every page shows pictures that there are', async t => {
  const shown = [...pages].flatMap(([page, text]) =>
    [...text.matchAll(/(?:src="|srcset="|\]\()([^":)]*images\/[^")]+)/g)].map(([, path = '']) => join(dirname(page), path))
  )
  t.same([...new Set(shown)].sort(), readdirSync('docs/images').map(name => `docs/images/${name}`).sort())
})

t.test('the README leads to every page', async t => {
  t.same([...pages.keys()].filter(page => page !== 'README.md' && !readme.includes(`](${page})`)), [])
})

t.test('every dependency is explained', async t => {
  const page = pages.get('docs/dependencies.md') as string
  const manifests = ['package.json', 'sandbox/package.json'].map(
    path => JSON.parse(readFileSync(path, 'utf8')) as Record<string, Record<string, string>>
  )
  const names = manifests.flatMap(({ dependencies, devDependencies }) => Object.keys({ ...dependencies, ...devDependencies }))
  t.same(names.filter(name => !page.includes(`\`${name}\``) && !page.includes(`\`${name.replace(/\/.*/, '/*')}\``)), [])
})

t.test('every command of the documentation is run by a test, or has a reason why not', t => {
  const blocks = documentedBlocks()
  t.ok(blocks.length > 5)
  const undecided = blocks.flatMap(({ page, commands }) => commands
    .filter(({ decision }) => !decision || (typeof decision === 'object' && 'tested' in decision && !existsSync(decision.tested)))
    .map(({ command }) => [page, command]))
  t.same(undecided, [], 'test/helpers/documented-commands.ts decides')
  t.end()
})

t.test('every rule of docs/security.md has its test, and every test of test/security its rule', async t => {
  const rows = [...(sectionOf('docs/security.md', 'Rules') ?? '').matchAll(/^\| .* \| `(test\/\S+)`: (.+) \|$/gm)].map(
    ([, file = '', title = '']) => [file, title] as const
  )
  t.ok(rows.length > 50)
  // A long title goes over two lines.
  const sourceOf = (file: string) => readFileSync(file, 'utf8').replace(/['`] \+\n +['`]/g, '').replaceAll("\\'", "'")
  t.same(rows.filter(([file, title]) => !existsSync(file) || !sourceOf(file).includes(title)), [], 'rules without a test')
  const tests = readdirSync('test/security').map(name => `test/security/${name}`).flatMap(file =>
    [...sourceOf(file).matchAll(/^t\.test\('(.+)', async/gm)].map(([, title = '']) => [file, title] as const))
  t.same(tests.filter(([file, title]) => !rows.some(row => row[0] === file && row[1] === title)), [], 'tests without a rule')
})

t.test('every mutation finds its line and its test', async t => {
  const mutations = JSON.parse(readFileSync('scripts/mutations.json', 'utf8')) as [
    lost: string,
    file: string,
    text: string,
    instead: string,
    test: string
  ][]
  t.ok(mutations.length > 50)
  t.same(mutations.filter(([, file, text, , test]) => readFileSync(file, 'utf8').split(text).length !== 2 || !existsSync(test)), [])
})
