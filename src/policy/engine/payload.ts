import { isUtf8 } from 'node:buffer'

/** The most that a message may take, frame headers included. */
export const mostMessageBytes = 1_048_576

/** The text of a message. */
export interface MessageText {
  text: string
  /** Whether no control character is in it, which JSON allows between tokens only. */
  isPrintable: boolean
}

// Four bytes at a time, in memory that each payload uses again. Pages of it that no payload reaches take none.
const bytes = Buffer.from(new ArrayBuffer(mostMessageBytes))
const words = new Int32Array(bytes.buffer)
const mask = Buffer.from(new ArrayBuffer(4))
const maskWord = new Int32Array(mask.buffer)

// A short payload is read faster byte by byte than copied to where words can be read.
const mostByBytes = 128

const space = 0x20
const highBits = 0x8080_8080
const fourSpaces = 0x2020_2020

/** Reads the text of a whole frame of a client, whose mask begins there; undefined if it is no UTF-8. */
export function readText (frame: Buffer, maskAt: number): MessageText | undefined {
  const { isAscii, isPrintable } = unmask(frame, maskAt)
  const length = frame.length - maskAt - 4
  if (isAscii) return { text: bytes.toString('latin1', 0, length), isPrintable }
  return isUtf8(bytes.subarray(0, length)) ? { text: bytes.toString('utf8', 0, length), isPrintable } : undefined
}

/** Returns the payload of a frame of a client, in a copy. */
export function copyPayload (frame: Buffer, maskAt: number): Buffer {
  unmask(frame, maskAt)
  return Buffer.from(bytes.subarray(0, frame.length - maskAt - 4))
}

/** Reads the text that payloads make together; undefined if it is no UTF-8. */
export function joinPayloads (payloads: readonly Buffer[]): MessageText | undefined {
  const whole = Buffer.concat(payloads)
  return isUtf8(whole) ? { text: whole.toString(), isPrintable: whole.every(byte => byte >= space) } : undefined
}

/** Leaves the payload in `bytes` (RFC 6455, section 5.3), and looks at it on the way. */
function unmask (frame: Buffer, maskAt: number): { isAscii: boolean, isPrintable: boolean } {
  const begin = maskAt + 4
  const length = frame.length - begin
  let all = 0
  let belowPrintable = 0
  let done = 0
  if (length >= mostByBytes) {
    for (let at = 0; at < 4; at++) mask[at] = frame[maskAt + at] as number
    const [key] = maskWord as unknown as [number]
    const whole = length >> 2
    frame.copy(bytes, 0, begin)
    for (let at = 0; at < whole; at++) {
      const word = (words[at] as number) ^ key
      words[at] = word
      all |= word
      // The high bit of a byte is set where the byte is less than that of a space: the difference borrows.
      belowPrintable |= (word - fourSpaces) & ~word
    }
    done = whole * 4
  }
  for (let at = done; at < length; at++) {
    const byte = (frame[begin + at] as number) ^ (frame[maskAt + at % 4] as number)
    bytes[at] = byte
    all |= byte
    belowPrintable |= (byte - space) & ~byte
  }
  return { isAscii: (all & highBits) === 0, isPrintable: (belowPrintable & highBits) === 0 }
}
