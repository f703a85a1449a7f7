import { closeSync, openSync, readFileSync } from 'node:fs'
import t from 'tap'
import { createLogStream } from '../../src/operate/log-stream.js'

t.test('lines are written together: soon, when they have become many, and at the exit at the latest', async t => {
  const file = `${t.testdir({ log: '' })}/log`
  const fd = openSync(file, 'a')
  t.teardown(() => { closeSync(fd) })
  const stream = createLogStream(fd)
  const atExit = process.listeners('exit').at(-1) as () => void
  t.teardown(() => { process.off('exit', atExit) })
  stream.write('one\n')
  stream.write('two\n')
  t.equal(readFileSync(file, 'utf8'), '')
  await new Promise(resolve => setTimeout(resolve, 10))
  t.equal(readFileSync(file, 'utf8'), 'one\ntwo\n')
  stream.write('three\n')
  atExit()
  atExit()
  t.equal(readFileSync(file, 'utf8'), 'one\ntwo\nthree\n')
  stream.write(`${'x'.repeat(65_536)}\n`)
  t.equal(readFileSync(file, 'utf8').length, 'one\ntwo\nthree\n'.length + 65_537)
})
