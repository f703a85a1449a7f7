import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { createLogStream } from '../../src/operate/log-stream.js'
import { builtCommand } from '../helpers/command.js'
import { settingsFor } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { reservePort } from '../helpers/ports.js'
import { openRaw } from '../helpers/raw.js'

type Tap = { teardown: (handler: () => void) => void, testdir: (content: Record<string, string>) => string }

/** A log on a descriptor, and what the exit of the process would do with it. */
function openLog (t: Tap, fd: number) {
  const stream = createLogStream(fd)
  const atExit = process.listeners('exit').at(-1) as () => void
  t.teardown(() => { process.off('exit', atExit) })
  return { stream, atExit }
}

/** A pipe that nobody reads but by `read`, which takes what is there. */
function openPipe (t: Tap) {
  const path = `${t.testdir({})}/pipe`
  execFileSync('mkfifo', [path])
  // Opened for both, since a pipe without a reader cannot be written.
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  t.teardown(() => { closeSync(fd) })
  const piece = Buffer.alloc(65_536)
  return {
    fd,
    read: (): string => {
      try {
        return piece.toString('latin1', 0, readSync(fd, piece))
      } catch {
        return ''
      }
    }
  }
}

t.test('lines are written together: soon, when they have become many, and at the exit at the latest', async t => {
  const file = `${t.testdir({ log: '' })}/log`
  const fd = openSync(file, 'a')
  t.teardown(() => { closeSync(fd) })
  const { stream, atExit } = openLog(t, fd)
  stream.write('one\n')
  stream.write('two\n')
  t.equal(readFileSync(file, 'utf8'), '')
  await until(() => readFileSync(file, 'utf8') === 'one\ntwo\n')
  stream.write('three\n')
  atExit()
  atExit()
  t.equal(readFileSync(file, 'utf8'), 'one\ntwo\nthree\n')
  stream.write(`${'x'.repeat(65_536)}\n`)
  t.equal(readFileSync(file, 'utf8').length, 'one\ntwo\nthree\n'.length + 65_537)
})

t.test('a reader that stalls stops nobody: lines wait up to a limit, are dropped beyond it, and it is told how many', async t => {
  const { fd, read } = openPipe(t)
  const { stream } = openLog(t, fd)
  let told = 0
  stream.onDropped = lines => { told += lines }
  const line = `${'x'.repeat(9_999)}\n`
  for (let count = 0; count < 300; count++) stream.write(line)
  let received = ''
  await until(() => {
    received += read()
    return received.includes('"msg"')
  })
  const lines = received.trimEnd().split('\n')
  const { dropped, level } = JSON.parse(lines.pop() as string) as { dropped: number, level: number }
  t.equal(level, 40)
  t.ok(dropped > 100, String(dropped))
  t.equal(lines.length + dropped, 300)
  t.equal(told, dropped)
  t.ok(lines.every(each => each.length === 9_999), 'and what is passed on is whole')
})

t.test('the exit of the process waits for a reader for a moment only', async t => {
  const { fd, read } = openPipe(t)
  const { stream, atExit } = openLog(t, fd)
  for (let count = 0; count < 20; count++) stream.write(`${'x'.repeat(9_999)}\n`)
  atExit()
  t.equal(read().length, 65_536)
})

t.test('a process whose output nobody reads answers on, whatever its output is, and counts the lines that it drops', async t => {
  const [port, adminPort] = [await reservePort(), await reservePort()]
  // What a process of Node's calls a pipe is a pair of sockets.
  const [command, ...words] = builtCommand
  const gateway = spawn(command, words, {
    env: {
      PATH: process.env.PATH,
      ...settingsFor({ origin: 'http://127.0.0.1:1', client: { id: 'id', secret: 'secret' } }, port),
      ADMIN_PORT: String(adminPort),
      LOG_LEVEL: 'debug'
    },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => { gateway.kill('SIGKILL') })
  await new Promise<void>(resolve => {
    let lines = ''
    gateway.stdout.on('data', (data: Buffer) => {
      lines += data.toString()
      if (!lines.includes('"ready"')) return
      gateway.stdout.pause()
      resolve()
    })
  })
  const origin = `http://127.0.0.1:${port}`
  // Together, which costs the test least.
  const request = 'GET /nowhere HTTP/1.1\r\nHost: x\r\n'
  const requests = `${`${request}\r\n`.repeat(199)}${request}Connection: close\r\n\r\n`
  await until(async () => {
    const client = await openRaw(t, origin)
    client.write(requests)
    if ((await text(client)).match(/HTTP\/1\.1 404 /g)?.length !== 200) throw new Error('Not every request was answered.')
    return /^qlik_gateway_log_lines_dropped_total [1-9]/m.test(await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text())
  })
  gateway.kill('SIGTERM')
  const [code] = await once(gateway, 'exit') as [number]
  t.equal(code, 0, 'and it ends by itself')
})

t.test('an output that takes nothing ends nothing', async t => {
  const { stream, atExit } = openLog(t, openSync('/dev/full', 'w'))
  stream.write('lost\n')
  t.doesNotThrow(atExit)
  const reader = spawn('sleep', ['60'], { stdio: ['pipe', 'ignore', 'ignore'] })
  t.teardown(() => { reader.kill() })
  const socket = openLog(t, (reader.stdin as unknown as { _handle: { fd: number } })._handle.fd)
  for (let count = 0; count < 50; count++) socket.stream.write(`${'x'.repeat(20_000)}\n`)
  t.doesNotThrow(socket.atExit)
})
