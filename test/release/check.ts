// npm run release:check: the package as a user gets it, from the tarball to a signed-in user. Not one of the tests,
// since it installs from the registry.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { startGatewayProcess } from '../../sandbox/demo/gateway-process.js'
import { alice } from '../../sandbox/identities.js'
import { startTenant } from '../../sandbox/tenant.js'
import { createBrowser, login } from '../helpers/browser-jar.js'
import { asScript, settingsFor } from '../helpers/gateway.js'
import { reservePort } from '../helpers/ports.js'

interface LockedPackages { packages: Record<string, { version: string }> }
interface Component { name: string, group?: string, version: string, licenses?: { license: { id?: string, name?: string } }[] }

const reports = 'build/release'
// Anything else is for a person to read first.
const permissive = new Set(['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', '0BSD'])
// "overrides" hold for the project alone. An application gets newer majors of these two, which declare Node 22 as the oldest.
const beyondLock = ['content-disposition', 'cookie']
const { name, version } = JSON.parse(readFileSync('package.json', 'utf8')) as { name: string, version: string }
const folder = mkdtempSync(join(tmpdir(), 'gateway-release-'))
t.teardown(() => { rmSync(folder, { recursive: true }) })

/** npm as a user starts it: what npm tells its scripts by the environment would set this project's options. */
async function npm (words: string[], cwd = folder): Promise<{ stdout: string, stderr: string }> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')))
  return await promisify(execFile)('npm', [...words, '--no-audit', '--no-fund'], { cwd, env, maxBuffer: 64 * 1024 * 1024 })
}

await t.test('the change log tells of this version, or of what is to come', async t => {
  t.match(readFileSync('CHANGELOG.md', 'utf8'), new RegExp(`^## (Unreleased|${version.replaceAll('.', '\\.')}\\b)`, 'm'))
})

await t.test('the tarball installs into an empty folder, with no complaint that is not known', async t => {
  const [packed] = JSON.parse(
    (await npm(['pack', '--json', '--pack-destination', folder], process.cwd())).stdout.replace(/^[^[]*/, '')
  ) as [{ filename: string, size: number }]
  writeFileSync(`${folder}/package.json`, JSON.stringify({ name: 'application', version: '1.0.0', private: true }))
  const { stderr } = await npm(['install', '--omit=dev', `${folder}/${packed.filename}`])
  t.notMatch(stderr, 'deprecated')
  t.same([...stderr.matchAll(/package: '(.+)@.+'/g)].map(([, name = '']) => name).filter(name => !beyondLock.includes(name)), [])
  t.comment(`${packed.filename}, ${packed.size} bytes`)
})

/** The major versions in a lock file, by package. */
function readMajors (file: string): Map<string, Set<string>> {
  const majors = new Map<string, Set<string>>()
  for (const [path, { version = '' }] of Object.entries((JSON.parse(readFileSync(file, 'utf8')) as LockedPackages).packages)) {
    const name = path.split('node_modules/').at(-1) ?? ''
    majors.set(name, (majors.get(name) ?? new Set()).add(version.split('.', 1)[0] as string))
  }
  return majors
}

await t.test('an application gets the major versions that the suite ran with, but for two', async t => {
  const tested = readMajors('package-lock.json')
  const installed = [...readMajors(`${folder}/package-lock.json`)].filter(([part]) => part !== '' && part !== name)
  const untested = installed.filter(([part, majors]) => [...majors].some(major => tested.get(part)?.has(major) !== true))
  t.same(untested.map(([part]) => part).sort(), beyondLock)
})

await t.test('these two run on this Node', async t => {
  const script = `
    import cookie from '@fastify/cookie'
    import files from '@fastify/static'
    import fastify from 'fastify'
    const app = fastify()
    await app.register(files, { root: process.cwd() })
    await app.register(cookie)
    app.get('/', async (request, reply) => reply.setCookie('given', request.cookies.taken).download('package.json', 'ä.json'))
    const { statusCode, headers, cookies: [{ name, value }] } = await app.inject({ url: '/', cookies: { taken: 'a b' } })
    console.log(statusCode, name, value, headers['content-disposition'])`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder })
  t.equal(stdout.trim(), '200 given a b attachment; filename="?.json"; filename*=UTF-8\'\'%C3%A4.json')
})

await t.test('its parts have licences that permit what a gateway needs, and are listed', async t => {
  const { stdout } = await npm(['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev'])
  const { components } = JSON.parse(stdout) as { components: Component[] }
  const parts = components.map(({ group, name, version, licenses = [] }) => ({
    part: `${group === undefined ? '' : `${group}/`}${name} ${version}`,
    licence: licenses.map(({ license }) => license.id ?? license.name ?? '').join(' and ')
  }))
  // What the demo page takes of Qlik's packages lies in the package itself.
  const vendored = [...readFileSync(`${folder}/node_modules/${name}/public/vendor/LICENSES.txt`, 'utf8').matchAll(/^--- (.+) \((.+)\)$/gm)]
    .map(([, part = '', licence = '']) => ({ part: `${part} (in public/vendor)`, licence }))
  t.equal(vendored.length, 2)
  for (const { part, licence } of [...parts, ...vendored]) t.ok(permissive.has(licence), `${part}: ${licence}`)
  mkdirSync(reports, { recursive: true })
  writeFileSync(`${reports}/sbom.cdx.json`, stdout)
  writeFileSync(`${reports}/licences.txt`, [...parts, ...vendored].map(({ part, licence }) => `${part}: ${licence}\n`).join(''))
  t.comment(`${parts.length} packages; ${reports}/sbom.cdx.json and licences.txt are written`)
})

await t.test('an application imports the plugin and its metrics', async t => {
  const script = `
    import { createSignals, gateway } from '${name}'
    import { createMetrics } from '${name}/metrics'
    console.log(typeof gateway, await createMetrics(createSignals()).text())`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder })
  t.match(stdout, /^function [^]*^qlik_gateway_sockets 0$/m)
})

await t.test('a strict TypeScript application compiles against its types, those of its parts included', async t => {
  const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { devDependencies: Record<string, string> }
  await npm(['install', `typescript@${devDependencies.typescript}`, `@types/node@${devDependencies['@types/node']}`, 'fastify@5'])
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify({
    compilerOptions: {
      target: 'ES2023',
      module: 'NodeNext',
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true
    },
    files: ['application.mts']
  }))
  writeFileSync(`${folder}/application.mts`, `
    import fastify from 'fastify'
    import { createSignals, gateway, type ErrorCode, type GatewayOptions, type SocketLife } from '${name}'
    const options: GatewayOptions = {
      tenantUrl: 'https://tenant.example', clientId: 'id', clientSecret: 'secret', publicUrl: 'http://localhost:3000',
      sessionKeys: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', signals: createSignals(), embedOrigins: ['https://portal.example']
    }
    // @ts-expect-error: not a list of origins
    export const wrong: GatewayOptions = { ...options, embedOrigins: 5 }
    const app = fastify()
    await app.register(gateway, options)
    app.get('/', async request => (await request.qlikUser())?.id ?? 'nobody')
    options.signals?.on('refused', (code: ErrorCode) => { console.log(code) })
    options.signals?.on('socketClosed', (life: SocketLife) => { console.log(life.by) })`)
  const { stdout } = await promisify(execFile)('npx', ['tsc', '-p', '.'], { cwd: folder }).catch((error: { stdout: string }) => error)
  t.equal(stdout, '')
})

await t.test('what was installed logs a user in, forwards a call and an engine socket, and stops', async t => {
  const port = await reservePort()
  const origin = `http://localhost:${port}`
  const tenant = await startTenant({ redirectUris: [`${origin}/login/callback`] })
  t.teardown(async () => { await tenant.close() })
  const gateway = await startGatewayProcess(`${folder}/node_modules/${name}`, {
    ...settingsFor(tenant, port) as Record<string, string>,
    NODE_ENV: 'production'
  })
  t.teardown(async () => { await gateway.stop() })
  const browser = createBrowser()
  const page = await login(browser, `${origin}/login?returnto=/`, alice)
  t.equal(page.url, `${origin}/`)
  t.match(await page.text(), /<html/)
  t.match(await (await browser.fetch(`${origin}/gateway/session`, asScript())).json(), {
    authenticated: true,
    user: { email: alice.email }
  })
  t.ok((await (await browser.fetch(`${origin}/api/v1/items`, asScript())).json() as { data: unknown[] }).data.length > 0)
  const socket = new WebSocket(`ws://localhost:${port}/app/${SALES_APP_ID}`, {
    headers: { origin, cookie: browser.cookies.header(new URL(origin)) }
  })
  t.match(String((await once(socket, 'message') as [Buffer])[0]), 'OnConnected')
  const closed = once(socket, 'close')
  await gateway.stop()
  t.equal((await closed)[0], 4003)
  t.equal(await gateway.ended, 'The gateway ended with exit code 0.')
})
