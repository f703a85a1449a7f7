import t from 'tap'
import { createEndedSessions } from '../../src/session/ended.js'
import { until } from '../helpers/log.js'

t.test('a session that has ended is remembered for as long as its cookie could be used', async t => {
  const ended = createEndedSessions(2_000)
  t.notOk(ended.has('a'))
  ended.end('a')
  t.ok(ended.has('a'))
  t.notOk(ended.has('b'))
  await until(() => !ended.has('a'))
})

t.test('who listens is told once when the session ends, and not after they have stopped', async t => {
  const ended = createEndedSessions(1_000)
  const told: string[] = []
  const listen = (session: string, name: string) => ended.listen(session, () => { told.push(name) })
  const stopFirst = listen('a', 'first')
  const stopSecond = listen('a', 'second')
  const stopThird = listen('a', 'third')
  listen('b', 'of another session')
  stopThird()
  stopThird()
  ended.end('a')
  t.same(told, ['first', 'second'])
  ended.end('a')
  t.same(told, ['first', 'second'])
  const stopAgain = listen('a', 'again')
  stopFirst()
  stopSecond()
  ended.end('a')
  t.same(told, ['first', 'second', 'again'], 'who has heard already takes nobody else along')
  stopAgain()
  const stopLast = listen('c', 'last')
  stopLast()
  ended.end('c')
  t.same(told, ['first', 'second', 'again'])
})

t.test('what ended a while ago elsewhere is remembered for the rest of its time only, and told with its age', async t => {
  const ended = createEndedSessions(10_000)
  ended.end('a')
  ended.end('b', 8_000)
  const ages = new Map(ended.all())
  t.ok(ages.get('a') as number < 5_000)
  t.ok(ages.get('b') as number >= 8_000)
  await until(() => !ended.has('b'))
  t.ok(ended.has('a'))
})
