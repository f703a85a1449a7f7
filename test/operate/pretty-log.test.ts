import t from 'tap'
import type { LogStream } from '../../src/operate/log-stream.js'
import { createPrettyLog } from '../../src/operate/pretty-log.js'

t.test('a line for the eyes has its level in words, its time and its fields', async t => {
  const written: string[] = []
  const output: LogStream = { write: line => { written.push(line) } }
  const log = await createPrettyLog(output)
  log.write(`${JSON.stringify({ level: 40, time: Date.now(), pid: 1, hostname: 'host', audit: 1, event: 'sign-in', msg: 'audit' })}\n`)
  t.match(written.join(''), /^\[\d\d:\d\d:\d\d\.\d+\] \S*WARN\S*: \S*audit\S*\n[^]*event[^]*sign-in/)
  t.notMatch(written.join(''), 'hostname')
  let dropped = 0
  log.onDropped = lines => { dropped += lines }
  output.onDropped?.(3)
  t.equal(dropped, 3, 'and lines that its output drops are told')
})

t.test('without the package the start says what to install', async t => {
  const missing = async () => await Promise.reject(new Error('Cannot find package'))
  await t.rejects(createPrettyLog({ write () {} }, missing), {
    message: /^LOG_FORMAT is pretty, which needs the package pino-pretty: run npm install pino-pretty/
  })
})
