import { closeWithoutCode } from './close-codes.js'

/** Tracks the frames (RFC 6455, section 5.2) in one direction of a WebSocket, reading only their headers. */
export interface FrameTracker {
  /** Takes the next bytes, in chunks of any size. */
  push (chunk: Buffer): void
  /**
   * How many more bytes, counted from the start of `chunk`, belong to the current frame, or 0 between frames. Undefined
   * if the frame does not end in `chunk`.
   */
  restOfFrame (chunk: Buffer): number | undefined
  /** Like `restOfFrame`, up to the end of the current message: the end of its last fragment, or 0 between messages. */
  restOfMessage (chunk: Buffer): number | undefined
  /** Whether all messages so far are complete. Then a message from another source may be inserted. */
  readonly betweenMessages: boolean
  /** Whether all frames so far are complete. */
  readonly between: boolean
  /** Whether a close frame has passed. No other frame may follow. */
  readonly closed: boolean
  /** The code of the close frame that has passed, or 1005 if it had none. */
  readonly closeCode: number | undefined
}

const opClose = 0x8
const longestHeader = 14

export function createFrameTracker (): FrameTracker {
  return new Tracker()
}

/** A class, because an object literal with getters would get a hidden class of its own for each socket. */
class Tracker implements FrameTracker {
  readonly #header = Buffer.alloc(longestHeader)
  #headerLength = 0
  #payloadLeft = 0
  #inMessage = false
  #closed = false
  readonly #code: number[] = []

  get between (): boolean {
    return this.#payloadLeft === 0 && this.#headerLength === 0
  }

  get betweenMessages (): boolean {
    return this.between && !this.#inMessage
  }

  get closed (): boolean {
    return this.#closed
  }

  get closeCode (): number | undefined {
    const [high = 0, low] = this.#code
    return this.#closed ? low === undefined ? closeWithoutCode : high * 256 + low : undefined
  }

  push (chunk: Buffer): void {
    this.#advance(chunk)
  }

  restOfFrame (chunk: Buffer): number | undefined {
    if (this.between) return 0
    const end = this.#advance(chunk, 'between')
    return this.between ? end : undefined
  }

  restOfMessage (chunk: Buffer): number | undefined {
    if (this.betweenMessages) return 0
    const end = this.#advance(chunk, 'betweenMessages')
    return this.betweenMessages ? end : undefined
  }

  /** Advances through a chunk, up to the given point if there is one. Returns the position. */
  #advance (chunk: Buffer, stop?: 'between' | 'betweenMessages'): number {
    const header = this.#header
    let at = 0
    while (at < chunk.length) {
      if (this.#payloadLeft > 0) {
        const passed = Math.min(this.#payloadLeft, chunk.length - at)
        // A close frame is the last frame. Its header is still stored, with a client's mask after the first two bytes.
        if (this.#closed) {
          const codeBytes = chunk.subarray(at, at + Math.min(passed, 2 - this.#code.length))
          for (const byte of codeBytes) this.#code.push(byte ^ maskAt(header, this.#code.length))
        }
        this.#payloadLeft -= passed
        at += passed
      } else {
        header[this.#headerLength++] = chunk[at++] as number
        if (this.#headerLength < headerSize(header, this.#headerLength)) continue
        const first = header[0] as number
        // Control frames may come between the fragments of a message.
        if ((first & 0x0f) < opClose) this.#inMessage = first < 0x80
        this.#closed ||= (first & 0x0f) === opClose
        this.#payloadLeft = payloadSize(header)
        this.#headerLength = 0
      }
      if (stop !== undefined && this[stop]) break
    }
    return at
  }
}

/** Makes a close frame as a server sends it, unmasked. The reason must be shorter than 124 bytes. */
export function closeFrame (code: number, reason: string): Buffer {
  const text = Buffer.from(reason)
  const frame = Buffer.alloc(4 + text.length)
  frame[0] = 0x80 | opClose
  frame[1] = 2 + text.length
  frame.writeUInt16BE(code, 2)
  text.copy(frame, 4)
  return frame
}

/** The size of a frame's header, as far as its first bytes tell. */
function headerSize (header: Buffer, known: number): number {
  if (known < 2) return 2
  const second = header[1] as number
  const length = second & 0x7f
  return 2 + (length === 127 ? 8 : length === 126 ? 2 : 0) + (second & 0x80 ? 4 : 0)
}

/** The mask for one byte of a short frame's payload. Frames of a server have no mask. */
function maskAt (header: Buffer, at: number): number {
  return (header[1] as number) & 0x80 ? header[2 + at] as number : 0
}

function payloadSize (header: Buffer): number {
  const length = (header[1] as number) & 0x7f
  if (length < 126) return length
  return length === 126 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2))
}
