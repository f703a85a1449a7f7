import { readFileSync } from 'node:fs'
import t from 'tap'
import { dispatch } from '../../src/commands/dispatch.js'
import { reservePort } from '../helpers/ports.js'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }

/** What a call of the command line prints, and its exit status. */
async function call (words: string[], env: NodeJS.ProcessEnv = {}) {
  let [stdout, stderr] = ['', '']
  const status = await dispatch(words, { env, out: text => { stdout += text }, err: text => { stderr += text } })
  return { stdout, stderr, status }
}

t.test('the command explains itself and tells its version, however it is asked', async t => {
  const help = await call(['--help'])
  t.match(help, { status: 0, stdout: /^qlik-embed-gateway \[serve\]\n/, stderr: '' })
  const keysHelp = await call(['keys', '--help'])
  t.match(keysHelp, { status: 0, stdout: /^qlik-embed-gateway keys generate/, stderr: '' })
  const told = await call(['--version'])
  t.same(told, { status: 0, stdout: `${version}\n`, stderr: '' })
  const spellings: [words: string[], same: object][] = [
    [['-h'], help],
    [['help'], help],
    [['-v'], told],
    [['version'], told],
    [['keys', '-h'], keysHelp],
    [['help', 'keys'], keysHelp]
  ]
  for (const [words, same] of spellings) t.same(await call(words), same, words.join(' '))
})

t.test('it refuses what it does not know, and says where that is explained', async t => {
  const cases: [words: string[], stderr: RegExp | string][] = [
    [['start'], /^There is no command "start"\.\n\nqlik-embed-gateway \[serve\]\n/],
    [['toString'], /^There is no command "toString"\./],
    [['serve', 'dinner'], /^"dinner" is not expected here\.\nHelp: qlik-embed-gateway serve --help\n$/],
    [['--port', '8080'], 'There is no option --port here.\nHelp: qlik-embed-gateway serve --help\n'],
    [['keys', '--quickly'], /^There is no option --quickly here\./],
    [['doctor', '--skip'], /^The option --skip needs a value\./],
    [['doctor', '--json=yes'], /^The option --json takes no value\./]
  ]
  for (const [words, stderr] of cases) t.match(await call(words), { status: 2, stdout: '', stderr }, words.join(' '))
})

t.test('a command that fails says why, without a pointer to a help that would not help', async t => {
  t.match(
    await call(['setup'], {
      QLIK_TENANT_URL: `http://127.0.0.1:${await reservePort()}`,
      PUBLIC_URL: 'https://app.example.com',
      QLIK_ADMIN_API_KEY: 'hush-hush'
    }),
    { status: 1, stdout: '', stderr: /^127\.0\.0\.1:\d+ refuses the connection.*\n$/ }
  )
})

t.test('it makes keys, and says what is wrong where it cannot', async t => {
  t.match(await call(['keys', 'generate']), { status: 0, stdout: /^[\w+/]{43}=\n$/, stderr: '' })
  t.match(
    await call(['keys', 'rotate', '/no/such/file']),
    { status: 2, stdout: '', stderr: /^\/no\/such\/file cannot be read \(ENOENT\): create it by keys generate/ }
  )
})
