import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** What becomes of a documented command: a test runs it, waits until it serves, or there is a reason why not. */
type Decision = 'runs' | 'serves' | { reason: string } | { tested: string }

/** The first that matches decides. A command that none matches has no decision, and a test fails. */
const decisions: [RegExp, Decision][] = [
  [/^npm ci && npm run demo$/, { tested: 'test/nightly/commands.ts' }],
  [/^npm ci && npm run example -- own-users[\w-]*$/, { tested: 'test/browser/own-users.test.ts' }],
  [/^npm ci && npm run example -- [\w-]+$/, { tested: 'test/browser/examples.test.ts' }],
  [/^npm ci && npm test$/, { tested: '.ci/run' }],
  [/^npm (ci|install)\b/, { reason: 'it installs from the registry, and the tests run in a tree that is installed and built' }],
  [/^PATH=.* npm test$/, { reason: 'it is all the tests once more' }],
  [/^npm run (nightly|soak|mutate|bench|release:check)\b/, { reason: 'it takes minutes' }],
  [/\bdocker (build|run|compose)\b/, { reason: 'it needs a container engine' }],
  [/^(kubectl|helm) /, { reason: 'it needs a cluster' }],
  [/\bqlik-embed-gateway setup\b/, { reason: 'it needs an administrator of a tenant' }],
  [/\bnode dist\/cli\.js$/, 'serves'],
  [/^(qlik-embed-gateway|openssl|mkdir|printf|cd|chmod) /, 'runs']
]

/** A command of a block, continued lines joined, and what becomes of it. */
export interface Documented { command: string, decision: Decision | undefined }

/** The blocks of shell commands in the documentation. */
export function documentedBlocks (): { page: string, commands: Documented[] }[] {
  const folders = ['.', 'docs', 'sandbox', ...readdirSync('examples').map(name => `examples/${name}`)]
  const pages = folders
    .filter(folder => existsSync(`${folder}/README.md`) || folder === 'docs')
    .flatMap(folder => readdirSync(folder).filter(name => name.endsWith('.md')).map(name => `${folder}/${name}`))
  return pages.flatMap(page => {
    const blocks = readFileSync(page, 'utf8').matchAll(/^```(?:sh|bash|shell|console)\n([^]*?)^```$/gm)
    return [...blocks].map(([, text = '']) => ({
      page,
      commands: text.replaceAll('\\\n', '').split('\n').filter(line => line !== '' && !line.startsWith('#'))
        .map(command => ({ command, decision: decisions.find(([pattern]) => pattern.test(command))?.[1] }))
    }))
  })
}
