import fc from 'fast-check'
import t from 'tap'
import { readMembers } from '../../../src/policy/engine/members.js'
import { readText } from '../../../src/policy/engine/payload.js'
import { clientFrame } from '../../helpers/client-frames.js'

/** What is read of a text that comes in a frame, by the names of members. */
function read (text: string): Record<string, unknown> | undefined {
  const message = readText(clientFrame(text, { lengthBytes: 8 }), 10)
  const members = message === undefined ? undefined : readMembers(message.text, message.isPrintable)
  if (members === undefined) return undefined
  const { names, values } = members
  return Object.fromEntries(names.map((name, at): [string, unknown] => [JSON.parse(name) as string, JSON.parse(values[at] as string)]))
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
const name = fc.string({ unit: 'binary', maxLength: 5 })
const object = fc.dictionary(name, fc.jsonValue({ stringUnit: 'binary' }), { noNullPrototype: true, maxKeys: 40 })
const space = fc.constantFrom(0, 2, '\t')

t.test('an object is read as JSON.parse reads it, however it is spaced', async t => {
  fc.assert(fc.property(object, space, (value, space) => {
    const text = ` ${JSON.stringify(value, undefined, space)}\r\n`
    return JSON.stringify(read(text)) === JSON.stringify(JSON.parse(text))
  }), { numRuns: 300 })
})

t.test('what is read is JSON to the standard: a text that was changed somewhere is read as JSON.parse reads it, or not at all', async t => {
  const characters = fc.constantFrom(...'{}[]":,\\/ \n\t\r\v\0\u00a0\u2028tfnu0123.-+eE\'äx')
  let readings = 0
  const change = fc.tuple(fc.nat(), fc.nat(2), characters)
  fc.assert(fc.property(object, space, fc.array(change, { minLength: 1, maxLength: 3 }), (value, space, changes) => {
    let text = JSON.stringify(value, undefined, space)
    for (const [place, dropped, character] of changes) {
      const at = place % (text.length + 1)
      text = text.slice(0, at) + character + text.slice(at + dropped)
    }
    // Half of a surrogate pair does not survive UTF-8.
    text = Buffer.from(text).toString()
    const mine = read(text)
    if (mine === undefined) return true
    readings++
    const parsed = parse(text)
    return isObject(parsed) && JSON.stringify(parsed) === JSON.stringify(mine)
  }), { numRuns: Number(process.env.FC_RUNS ?? 1_000) })
  t.ok(readings > 0)
})

t.test('no object is read that has a member twice, at any depth and in any spelling', async t => {
  const escape = (name: string) => [...name].map(character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
  const distinct = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { minLength: 1, maxLength: 60, size: 'max' })
  fc.assert(fc.property(distinct, fc.nat(), fc.nat(), fc.nat(4), fc.boolean(), (names, one, other, depth, escaped) => {
    const members = names.map(name => `"${name}":1`)
    const twice = names[one % names.length] as string
    const nested = (texts: string[]) => '[{"a":'.repeat(depth) + `{${texts.join(',')}}` + '}]'.repeat(depth)
    const whole = (texts: string[]) => `{"x":${nested(texts)}}`
    const doubled = members.toSpliced(other % (members.length + 1), 0, `"${escaped ? escape(twice) : twice}":2`)
    return read(whole(members)) !== undefined && read(whole(doubled)) === undefined && (depth > 0 || read(nested(doubled)) === undefined)
  }), { numRuns: 300, examples: [[Array.from({ length: 60 }, (_, at) => `n${at}`), 0, 60, 0, false]] })
})

t.test('names of the outermost object are returned as they are written', async t => {
  t.same(readMembers('{"\\u0069d":1,"b" : [ 2 ] }', true), { names: ['"\\u0069d"', '"b"'], values: ['1', '[ 2 ] '] })
})

t.test('values are nested 100 deep at most', async t => {
  const nested = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`
  t.ok(read(nested(99)))
  t.equal(read(nested(101)), undefined)
  t.equal(read(`{"a":${'{"a":'.repeat(100)}1${'}'.repeat(100)}}`), undefined)
})

t.test('what is no number, word or string of JSON is not read', async t => {
  const refused = [
    '01', '-', '-01', '.5', '1.', '1.e5', '1e', '1e+', '+1', '0x1', 'NaN', 'Infinity', 'tru', 'True', 'nul', 'undefined',
    '"', '"\\"', '"\\x"', '"\\u12"', '"\t"', '[1,]', '[,1]', '{"b":1,}', '{"b"}', '{b:1}', '\v1', '1\0', ''
  ]
  t.same(refused.filter(value => read(`{"a":${value}}`) !== undefined), [])
  const accepted = [
    '0', '-0', '-1.5E-7', '1e9', '"\\""', '"\\\\"', '"\\u00e4"', '"ä\u007f"', 'true', 'false', 'null', '[ ]', '{ }', '\t[\r\n1 , 2]'
  ]
  t.same(accepted.filter(value => read(`{"a":${value}}`) === undefined), [])
})
