import t from 'tap'
import { createPrettyLog } from '../../src/operate/pretty-log.js'

t.test('a line for the eyes has its level in words, its time and its fields', async t => {
  const written: string[] = []
  const log = await createPrettyLog({ write: line => { written.push(line) } })
  log.write(`${JSON.stringify({ level: 40, time: Date.now(), pid: 1, hostname: 'host', audit: 1, event: 'sign-in', msg: 'audit' })}\n`)
  t.match(written.join(''), /^\[\d\d:\d\d:\d\d\.\d+\] \S*WARN\S*: \S*audit\S*\n[^]*event[^]*sign-in/)
  t.notMatch(written.join(''), 'hostname')
})

t.test('without the package the start says what to install', async t => {
  const missing = async () => await Promise.reject(new Error('Cannot find package'))
  await t.rejects(createPrettyLog({ write () {} }, missing), {
    message: /^LOG_FORMAT is pretty, which needs the package pino-pretty: run npm install pino-pretty/
  })
})
