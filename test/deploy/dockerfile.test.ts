import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { basename, dirname, join } from 'node:path'
import t from 'tap'
import { bare, bareNode } from '../helpers/bare-node.js'
import { settingsFor } from '../helpers/gateway.js'
import { reservePort } from '../helpers/ports.js'
import { noteOutputOf } from '../helpers/run-record.js'

interface Instruction { word: string, flags: string[], rest: string }

const lines = readFileSync('Dockerfile', 'utf8').replace(/^#.*\n/gm, '').replaceAll('\\\n', ' ').split('\n')
const instructions = lines.filter(line => line !== '').map((line): Instruction => {
  const [, word = '', flags = '', rest = ''] = /^(\w+) ((?:--\S+ +)*)(.*)$/.exec(line) ?? []
  return { word, flags: flags.split(' ').filter(flag => flag !== ''), rest }
})
/** The instructions of each stage, with those of the stage that it begins with. */
const stages = new Map<string, Instruction[]>()
let lastStage: Instruction[] = []
for (const instruction of instructions) {
  const [base = '', , name = ''] = instruction.word === 'FROM' ? instruction.rest.split(' ') : []
  if (instruction.word === 'FROM') stages.set(name, lastStage = [...stages.get(base)?.slice(1) ?? []])
  lastStage.push(instruction)
}
const find = (word: string) => lastStage.find(instruction => instruction.word === word)?.rest ?? ''
const copies = (stage: Instruction[]) => stage.filter(({ word }) => word === 'COPY').map(({ flags, rest }) => {
  const words = rest.split(/ +/)
  return { from: flags[0], sources: words.slice(0, -1), target: words.at(-1) as string }
})

/** The words of an instruction in exec form. */
function wordsOf (rest: string): string[] {
  return JSON.parse(rest) as string[]
}

t.test('the image is built from files that exist and that no rule keeps out, and from nothing else', t => {
  const [first, ...rules] = readFileSync('.dockerignore', 'utf8').split('\n').filter(line => line !== '' && !line.startsWith('#'))
  t.equal(first, '*')
  const allowed = rules.filter(rule => rule.startsWith('!')).map(rule => rule.slice(1))
  const wanted = copies(instructions).filter(({ from }) => from === undefined).flatMap(({ sources }) => sources)
  for (const source of wanted) t.ok(existsSync(source), source)
  t.same([...new Set(wanted)].sort(), allowed.sort())
  t.end()
})

t.test('what runs is not root, has no shell between it and its signals, and the Node that its modules were installed by', t => {
  t.match(find('USER'), /^[1-9]\d*:[1-9]\d*$/)
  for (const text of [find('ENTRYPOINT'), find('CMD'), find('HEALTHCHECK').replace(/^.*?CMD /, '')]) {
    t.doesNotThrow(() => wordsOf(text), text)
  }
  t.notOk(lastStage.some(({ word }) => word === 'RUN'), 'it needs no emulation for another architecture')
  const [builder, ...others] = instructions
    .filter(({ word }) => word === 'FROM')
    .map(({ rest }) => /node(?:js)?:?(\d+)-(?:debian12|bookworm)/.exec(rest)?.[1])
    .filter(major => major !== undefined)
  t.same(others, [builder])
  t.end()
})

/** Puts into a folder what a stage copies: from the sources, or from the folders of other stages. */
function layOut (folder: string, stage: Instruction[], folders: Record<string, string> = {}): string {
  for (const { from = '', sources, target } of copies(stage)) {
    for (const source of sources) {
      const place = join(folder, target, target.endsWith('/') ? basename(source) : '')
      mkdirSync(dirname(place), { recursive: true })
      cpSync(from === '' ? source : source.replace('/app', folders[from] as string), place, { recursive: true, verbatimSymlinks: true })
    }
  }
  return folder
}

/** Runs a stage on what it copies, but for the installation: the packages are those of this machine. */
function runStage (folder: string, stage: Instruction[]): string {
  layOut(folder, stage)
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
  for (const { rest } of stage.filter(({ word, rest }) => word === 'RUN' && !rest.startsWith('npm ci'))) {
    const [command, ...words] = bare
    execFileSync(command, [...words, 'sh', '-c', rest], { cwd: folder, env: { PATH: process.env.PATH }, stdio: 'pipe' })
  }
  return folder
}

t.test('what the image builds serves, says by its health check how it is, and leaves with status 0 on SIGTERM', async t => {
  const folder = t.testdir({ build: {}, dependencies: {}, image: {} })
  const folders = Object.fromEntries(['build', 'dependencies'].map(
    name => [`--from=${name}`, runStage(join(folder, name), stages.get(name) as Instruction[])]
  ))
  const cwd = layOut(join(folder, 'image'), lastStage, folders)
  const port = await reservePort()
  const fixed = Object.fromEntries(find('ENV').split(' ').map(pair => pair.split('=') as [string, string]))
  const nowhere = { origin: 'http://127.0.0.1:1', client: { id: 'client', secret: 'secret' } }
  const env = { ...fixed, ...settingsFor(nowhere, port, { LOG_LEVEL: 'trace' }) }
  const run = (words: string[]) => {
    const [command, ...more] = bareNode
    const child = spawn(command, [...more, ...words.slice(1)], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    noteOutputOf(child)
    return child
  }
  const health = wordsOf(find('HEALTHCHECK').replace(/^.*?CMD /, ''))
  t.same(await once(run(health), 'exit'), [1, null])

  const child = run([...wordsOf(find('ENTRYPOINT')), ...wordsOf(find('CMD'))])
  t.teardown(() => { child.kill('SIGKILL') })
  const exited = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('"ready"')) break
  t.same(await once(run(health), 'exit'), [0, null])
  for (const path of ['/', '/gateway/embed.js', '/vendor/qlik-api.js']) {
    t.equal((await fetch(`http://127.0.0.1:${port}${path}`)).status, 200, path)
  }
  child.kill('SIGTERM')
  t.same(await exited, [0, null])
})
