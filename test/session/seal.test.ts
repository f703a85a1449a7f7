import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { createSeal, type Purpose } from '../../src/session/seal.js'

const [first, second, third] = [randomBytes(32), randomBytes(32), randomBytes(32)]
const purposes: Purpose[] = ['session', 'login']
const base64url = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const plain = { noNullPrototype: true }
const objects = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 8 }).filter(key => !['__ts', '__proto__'].includes(key)),
  fc.oneof(fc.string(), fc.integer(), fc.dictionary(fc.constantFrom('a', 'b'), fc.string(), plain)),
  plain
)

t.test('what was sealed opens with its value, and only text that is safe in a cookie comes out', async t => {
  const seal = createSeal([first], 'a tenant')
  fc.assert(fc.property(fc.constantFrom(...purposes), objects, (purpose, value) => {
    const sealed = seal.seal(purpose, value)
    assert.match(sealed, /^[\w-]+\.[\w-]{32}$/)
    assert.deepEqual(seal.open(purpose, sealed), { value, stale: false })
  }), { numRuns: Number(process.env.FC_RUNS ?? 100) })
  t.not(seal.seal('session', {}), seal.seal('session', {}), 'one value is never sealed alike twice')
})

t.test('sealing leaves the value as it is', async t => {
  const seal = createSeal([first], 'a tenant')
  const value = Object.freeze({ id: 'x' })
  seal.seal('session', value)
  t.same(value, { id: 'x' })
})

t.test('no change of any character opens, even where base64 would read the same bytes', async t => {
  const seal = createSeal([first, second], 'a tenant')
  const sealed = seal.seal('session', { id: 'abc', tokens: { accessToken: 'def' } })
  const characters = fc.constantFrom(...base64url, '.', '+', '/', '=', ';', ' ', '\n', '%', 'ü')
  fc.assert(fc.property(fc.nat(sealed.length - 1), characters, (at, character) => {
    const changed = sealed.slice(0, at) + character + sealed.slice(at + 1)
    const spoilt = [
      sealed.slice(0, at) + character + sealed.slice(at),
      sealed.slice(0, at),
      sealed.slice(at + 1),
      ...changed === sealed ? [] : [changed]
    ]
    assert.deepEqual(spoilt.filter(text => seal.open('session', text) !== undefined), [])
  }), { numRuns: Number(process.env.FC_RUNS ?? 500) })
  const endings = [sealed.indexOf('.') - 1, sealed.length - 1].flatMap(at =>
    [...base64url].map(last => sealed.slice(0, at) + last + sealed.slice(at + 1))
  )
  t.same(new Set(endings.filter(text => seal.open('session', text) !== undefined)), new Set([sealed]))
})

t.test('nothing that was never sealed opens, and nothing throws', async t => {
  const seal = createSeal([first], 'a tenant')
  for (const text of [
    '', '.', ';', 'a', 'a.b', `${'A'.repeat(40)}.${'A'.repeat(32)}`, `.${'A'.repeat(32)}`, `${'A'.repeat(40)}.`,
    `${'A'.repeat(40)}.${'A'.repeat(32)}.x`, '__proto__', '%2e'
  ]) {
    t.equal(seal.open('session', text), undefined, text)
  }
  fc.assert(
    fc.property(
      fc.string({ maxLength: 120 }),
      fc.string({ maxLength: 40 }),
      (one, other) => seal.open('login', `${one}.${other}`) === undefined
    ),
    { numRuns: Number(process.env.FC_RUNS ?? 300) }
  )
})

t.test('every key of the list opens, only the first seals, and a key that was removed opens nothing', async t => {
  const before = createSeal([first], 'a tenant')
  const rotated = createSeal([second, first], 'a tenant')
  const after = createSeal([second], 'a tenant')
  const stranger = createSeal([third], 'a tenant')
  for (const purpose of purposes) {
    const old = before.seal(purpose, { id: 'x' })
    t.same(rotated.open(purpose, old), { value: { id: 'x' }, stale: true }, 'under an older key it is stale')
    const renewed = rotated.seal(purpose, { id: 'x' })
    t.same(rotated.open(purpose, renewed), { value: { id: 'x' }, stale: false })
    t.same(after.open(purpose, renewed), { value: { id: 'x' }, stale: false })
    t.equal(after.open(purpose, old), undefined)
    t.equal(before.open(purpose, renewed), undefined)
    t.equal(stranger.open(purpose, renewed), undefined)
  }
})
