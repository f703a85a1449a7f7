import fastify from 'fastify'
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { fileVariables, readConfig, variables } from '../src/config.js'
import { gateway } from '../src/gateway.js'
import { settingsFor } from './helpers/gateway.js'

const readme = readFileSync('README.md', 'utf8')

/** The first cells of a table, by the heading above it. */
function namesUnder (heading: string): string[] {
  const section = readme.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return [...section.matchAll(/^\| (.+?) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
}

t.test('every setting is documented, and no other', async t => {
  t.same(namesUnder('Settings').sort(), [...Object.keys(variables), ...Object.keys(fileVariables)].sort())
})

t.test('the documented defaults are the real ones', async t => {
  const { gateway, server } = readConfig(settingsFor({ origin: 'https://tenant.example', client: { id: 'id', secret: 'secret' } }, 3000, { PORT: '', LOG_LEVEL: '' }))
  const values: Record<string, unknown> = { ...gateway, ...server }
  for (const [, variable = '', text = ''] of readme.matchAll(/^\| `(\w+)` \| `([^`]+)` \|/gm)) {
    const value = values[variables[variable as keyof typeof variables]]
    t.equal(Array.isArray(value) ? value.join(' ') : String(value), text, variable)
  }
})

t.test('every route is documented', async t => {
  const app = fastify()
  const routes = new Set<string>()
  app.addHook('onRoute', ({ url }) => { routes.add(url.replace(/(.)\/$/, '$1')) })
  const { gateway: options } = readConfig(settingsFor({ origin: 'https://tenant.example', client: { id: 'id', secret: 'secret' } }, 3000))
  await app.register(gateway, { ...options, publicFolder: `${process.cwd()}/public` })
  await app.ready()
  t.teardown(async () => { await app.close() })
  const documented = namesUnder('Routes').map(name => name.replace(/^(GET|POST|WS) /, '').replace(/\?.*$/, ''))
  for (const route of routes) t.ok(documented.includes(route) || documented.includes(`${route}/*`), route)
})

t.test('links inside the documentation lead to files', async t => {
  for (const page of ['README.md', 'docs/architecture.md', 'docs/embedding.md', 'docs/dependencies.md', 'docs/sessions.md']) {
    const folder = page.includes('/') ? 'docs/' : ''
    for (const [, target = ''] of readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)) t.ok(existsSync(folder + target), `${page}: ${target}`)
  }
})

t.test('every dependency is explained', async t => {
  const page = readFileSync('docs/dependencies.md', 'utf8')
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>
  for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
    const family = name.replace(/\/.*/, '/*')
    t.ok(page.includes(`\`${name}\``) || page.includes(`\`${family}\``), name)
  }
})
