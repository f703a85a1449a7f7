import fc from 'fast-check'
import t from 'tap'
import { closeFrame, createFrameTracker } from '../../src/forward/frames.js'

function frame (opcode: number, length: number, { masked = false, final = true, wide = false } = {}): Buffer {
  const size = wide || length > 65_535 ? 10 : length > 125 ? 4 : 2
  const header = Buffer.alloc(size)
  header[0] = (final ? 0x80 : 0) | opcode
  header[1] = (masked ? 0x80 : 0) | (size === 2 ? length : size === 4 ? 126 : 127)
  if (size === 4) header.writeUInt16BE(length, 2)
  if (size === 10) header.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([header, Buffer.alloc(masked ? 4 : 0, 7), Buffer.alloc(length, 0x88)])
}

const frames = [
  frame(1, 0),
  frame(1, 5),
  frame(2, 125),
  frame(1, 126),
  frame(2, 65_535),
  frame(2, 65_536),
  frame(1, 9, { masked: true }),
  frame(0, 3, { final: false }),
  frame(9, 4),
  frame(1, 6, { wide: true })
]

t.test('frames are followed whatever their length and however they are cut', async t => {
  const someFrames = fc.array(fc.constantFrom(...frames), { maxLength: 6 })
  const someLengths = fc.array(fc.integer({ min: 1, max: 70_000 }), { maxLength: 30 })
  fc.assert(fc.property(someFrames, someLengths, (sent, cuts) => {
    const tracker = createFrameTracker()
    const bytes = Buffer.concat(sent)
    const ends = new Set([0])
    sent.reduce((end, one) => {
      ends.add(end + one.length)
      return end + one.length
    }, 0)
    let at = 0
    for (const cut of [...cuts, bytes.length]) {
      tracker.push(bytes.subarray(at, at + cut))
      at = Math.min(bytes.length, at + cut)
      if (tracker.between !== ends.has(at) || tracker.closed) return false
    }
    return true
  }), { numRuns: Number(process.env.FC_RUNS ?? 500) })
})

t.test('a close frame is noticed by its opcode alone', async t => {
  const tracker = createFrameTracker()
  tracker.push(closeFrame(4003, 'bye'))
  t.ok(tracker.closed && tracker.between)
})

t.test('a close frame gives its code, masked or not and however it is cut', async t => {
  const masked = Buffer.from([0x88, 0x85, 1, 2, 3, 4, 0x0f ^ 1, 0xa3 ^ 2, 0x61 ^ 3, 0x62 ^ 4, 0x63 ^ 1])
  for (const [bytes, code] of [
    [closeFrame(4003, 'bye'), 4003],
    [masked, 4003],
    [Buffer.from([0x88, 0]), 1005],
    [Buffer.from([0x88, 0x80, 1, 2, 3, 4]), 1005]
  ] as const) {
    const codes = Array.from({ length: bytes.length + 1 }, (_, cut) => {
      const tracker = createFrameTracker()
      tracker.push(frame(1, 3))
      const before = tracker.closeCode
      tracker.push(bytes.subarray(0, cut))
      tracker.push(bytes.subarray(cut))
      return [before, tracker.closeCode]
    })
    t.same(codes, codes.map(() => [undefined, code]), `${bytes.toString('hex')}, by the place of the cut`)
  }
})

t.test('the rest of a frame ends at its last byte, and a frame that goes on has no end yet', async t => {
  const tracker = createFrameTracker()
  const bytes = frame(1, 10)
  t.equal(tracker.restOfFrame(bytes), 0, 'between frames there is none')
  tracker.push(bytes.subarray(0, 4))
  t.equal(tracker.restOfFrame(bytes.subarray(4, 6)), undefined)
  t.equal(tracker.restOfFrame(Buffer.concat([bytes.subarray(6), frame(1, 3)])), 6)
  t.ok(tracker.between)
  tracker.push(bytes.subarray(0, 1))
  t.equal(tracker.restOfFrame(bytes.subarray(1)), 11, 'also when the header was cut')
})

t.test('the rest of a message ends with its last fragment, behind a control frame too', async t => {
  const tracker = createFrameTracker()
  t.equal(tracker.restOfMessage(frame(1, 10)), 0, 'between messages there is none')
  tracker.push(frame(1, 3, { final: false }))
  t.equal(tracker.restOfMessage(frame(9, 2)), undefined)
  const last = frame(0, 4)
  t.equal(tracker.restOfMessage(Buffer.concat([last, frame(1, 3)])), last.length)
  t.ok(tracker.betweenMessages)
})

t.test('a close frame of the gateway\'s own carries code and reason', async t => {
  t.equal(closeFrame(4006, 'over').toString('hex'), '88060fa66f766572')
})
