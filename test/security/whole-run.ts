// After the tests: `npm test` records what they make gateways say, and this searches it.
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { secretKinds } from '../../sandbox/secrets.js'
import { createSecretSearch } from '../helpers/secret-search.js'

const folder = process.env.RUN_RECORD
if (folder === undefined) throw new Error('RUN_RECORD names no folder: npm test records a run and then searches it.')
const read = (name: string) =>
  readdirSync(folder)
    .filter(file => file.startsWith(name))
    .map(file => [file, readFileSync(`${folder}/${file}`, 'utf8')] as const)

t.test('no secret of the whole run is in anything that a gateway said, at any level', async t => {
  const secrets = read('secrets-').flatMap(([, lines]) => lines.trim().split('\n').map(line => JSON.parse(line) as [string, string]))
  const search = createSecretSearch(secrets)
  let lines = 0
  for (const [file, text] of read('output-')) {
    lines += text.split('\n').length
    for (const { kind, line } of search(text)) t.fail(`line ${line} of ${folder}/${file} holds a ${kind}`)
  }
  t.comment(`${secrets.length} secrets, ${lines} lines`)
  // A search for nothing, or in nothing, finds nothing.
  for (const kind of secretKinds) t.ok(secrets.some(([of]) => of === kind), `a run has secrets of the kind ${kind}`)
  t.ok(lines > 1_000, 'a run says much')
})
