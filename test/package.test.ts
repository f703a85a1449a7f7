import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { isAtLeast, minimumVersions } from '../src/commands/doctor/minimum-versions.js'

interface Locked { version?: string, resolved?: string, hasInstallScript?: boolean, integrity?: string }

const lockText = readFileSync('package-lock.json', 'utf8')
const { packages } = JSON.parse(lockText) as { packages: Record<string, Locked> }

t.test('no package is older than the oldest that is safe', async t => {
  for (const [name, least] of Object.entries(minimumVersions)) {
    const version = packages[`node_modules/${name}`]?.version ?? '0.0.0'
    t.ok(isAtLeast(version, least), `${name} ${version} is at least ${least}`)
  }
})

t.test('the lock file is exact and names no registry, and nothing runs at installation', async t => {
  for (const [path, { resolved, hasInstallScript, integrity }] of Object.entries(packages)) {
    if (path === '') continue
    t.equal(resolved, undefined, path)
    t.notOk(hasInstallScript, path)
    t.ok(integrity, path)
  }
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) t.match(version, /^\d+\.\d+\.\d+$/, name)
})

t.test('the package holds what a user needs and nothing else', async t => {
  const [pack] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as [{ files: { path: string }[] }]
  const paths = pack.files.map(({ path }) => path)
  for (const path of paths) t.match(path, /^(dist\/.+\.(js|d\.ts)|browser\/embed\.(js|d\.ts)|public\/.+\.(html|js|css|svg|json|txt)|docs\/[a-z-]+\.md|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/)
  for (const path of ['dist/cli.js', 'dist/gateway.js', 'dist/gateway.d.ts', 'browser/embed.js', 'browser/embed.d.ts', 'public/index.html', 'public/vendor/embed-web-components.js', 'docs/settings.md', 'LICENSE']) t.ok(paths.includes(path), path)
})
