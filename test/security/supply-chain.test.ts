import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { isAtLeast, minimumVersions } from '../../src/commands/doctor/minimum-versions.js'
import { bare } from '../helpers/bare-node.js'

interface Workflow { permissions: unknown, jobs: Record<string, { steps: { uses?: string, with?: Record<string, unknown> }[] }> }
interface Manifest { dependencies?: Record<string, string>, devDependencies?: Record<string, string> }
interface Locked { version?: string, resolved?: string, link?: boolean, hasInstallScript?: boolean, integrity?: string }

const lockText = readFileSync('package-lock.json', 'utf8')
const { packages } = JSON.parse(lockText) as { packages: Record<string, Locked> }

t.test('no package is older than the oldest that is safe', async t => {
  for (const [name, least] of Object.entries(minimumVersions)) {
    const version = packages[`node_modules/${name}`]?.version ?? '0.0.0'
    t.ok(isAtLeast(version, least), `${name} ${version} is at least ${least}`)
  }
})

t.test('the lock file is exact and names no registry, and nothing runs at installation', async t => {
  // The project itself and the sandbox's own package come from no registry.
  const fetched = Object.entries(packages).filter(([path, { link }]) => path !== '' && path !== 'sandbox' && !link)
  t.ok(fetched.length > 300)
  t.same(fetched.filter(([, { resolved, hasInstallScript, integrity }]) => resolved !== undefined || hasInstallScript || !integrity), [])
  const [project = {}, sandbox = {}] = ['package.json', 'sandbox/package.json'].map(
    path => JSON.parse(readFileSync(path, 'utf8')) as Manifest
  )
  const named = { ...project.dependencies, ...project.devDependencies }
  const exact = /^(?:npm:[\w/@-]+@)?\d+\.\d+\.\d+$/
  t.same(Object.entries({ ...sandbox.devDependencies, ...named }).filter(([, version]) => !exact.test(version)), [])
  t.same(Object.entries(sandbox.devDependencies ?? {}).filter(([name, version]) => (named[name] ?? version) !== version), [])
  t.equal(sandbox.dependencies, undefined, 'the sandbox brings nothing into an installation without development')
})

t.test('the package holds what a user needs and nothing else', async t => {
  const [command, ...words] = bare
  const [pack] = JSON.parse(execFileSync(command, [...words, 'npm', 'pack', '--dry-run', '--json', '--ignore-scripts'], {
    encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']
  })) as [{ files: { path: string }[] }]
  const paths = pack.files.map(({ path }) => path)
  const wanted = [
    /^dist\/(?:.+\.(?:js|d\.ts)|command\/LICENSES\.txt|config-file\.schema\.json)$/,
    /^browser\/embed\.(?:js|d\.ts)$/,
    /^public\/.+\.(?:html|js|css|svg|json|txt)(?:\.br|\.gz)?$/,
    /^(?:docs\/[a-z-]+\.md|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/
  ]
  t.same(paths.filter(path => !wanted.some(pattern => pattern.test(path))), [])
  for (const path of [
    'dist/cli.js', 'dist/command/LICENSES.txt', 'dist/gateway.js', 'dist/gateway.d.ts', 'browser/embed.js',
    'browser/embed.d.ts', 'public/index.html', 'public/vendor/embed-web-components.js', 'docs/settings.md', 'LICENSE'
  ]) {
    t.ok(paths.includes(path), path)
  }
})

t.test('workflows run actions of known commits only, with few rights and no credentials left behind', t => {
  for (const file of readdirSync('.github/workflows')) {
    const { permissions, jobs } = parse(readFileSync(`.github/workflows/${file}`, 'utf8')) as Workflow
    t.same(permissions, { contents: 'read' }, file)
    for (const { uses, with: options } of Object.values(jobs).flatMap(({ steps }) => steps)) {
      if (uses === undefined) continue
      t.match(uses, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/, file)
      if (uses.startsWith('actions/checkout@')) t.equal(options?.['persist-credentials'], false, file)
    }
  }
  t.end()
})
