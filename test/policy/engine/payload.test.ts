import fc from 'fast-check'
import t from 'tap'
import { copyPayload, joinPayloads, readText } from '../../../src/policy/engine/payload.js'
import { clientFrame } from '../../helpers/client-frames.js'

const maskPosition = 10
const frameOf = (payload: Buffer | string, mask: Uint8Array) => clientFrame(payload, { mask: Buffer.from(mask), lengthBytes: 8 })
const mask = fc.uint8Array({ minLength: 4, maxLength: 4 })
// Long ones are read by words, short ones by bytes.
const character = fc.constantFrom('x', 'ä', '\n', '\u001f', '\u007f', '€')
const repeated = fc.tuple(character, fc.nat(300)).map(([character, count]) => character.repeat(count))
const text = fc.tuple(fc.string({ unit: 'binary', maxLength: 10 }), repeated).map(parts => parts.join(''))

t.test('a text is read as it was masked, and control characters in it are noticed', async t => {
  fc.assert(fc.property(text, mask, (text, mask) => {
    const read = readText(frameOf(text, mask), maskPosition)
    return read?.text === text && read.isPrintable === ![...text].some(character => character < ' ')
  }), { numRuns: 1_000 })
})

t.test('bytes that are no UTF-8 are no text, wherever they stand', async t => {
  fc.assert(fc.property(fc.nat(400), fc.nat(), mask, (length, place, mask) => {
    const bytes = Buffer.alloc(length + 1, 'x')
    bytes[place % bytes.length] = 0xff
    return readText(frameOf(bytes, mask), maskPosition) === undefined
  }))
})

t.test('payloads of fragments are read as one text, whatever character they were cut in', async t => {
  fc.assert(fc.property(text, fc.nat(), mask, mask, (text, cut, one, other) => {
    const bytes = Buffer.from(text)
    const at = cut % (bytes.length + 1)
    const frames = [frameOf(bytes.subarray(0, at), one), frameOf(bytes.subarray(at), other)]
    const read = joinPayloads(frames.map(frame => copyPayload(frame, maskPosition)))
    return read?.text === text && read.isPrintable === ![...text].some(character => character < ' ')
  }))
  t.equal(joinPayloads([Buffer.from([0xff])]), undefined)
})
