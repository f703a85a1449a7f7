import { copyPayload, joinPayloads, mostMessageBytes, readText, type MessageText } from './payload.js'

/** A part of what a browser sends over a WebSocket: a control frame, or a whole message with the bytes of its frames. */
export type ClientPart =
  | { kind: 'control', bytes: Buffer, isClose: boolean }
  | { kind: 'message', bytes: Buffer, message: MessageText }

/** An error of the client for which its WebSocket is closed, with a close code of RFC 6455, section 7.4.1. */
export class FrameFault extends Error {
  override name = 'FrameFault'
  readonly closeCode: number

  constructor (closeCode: number, reason: string) {
    super(reason)
    this.closeCode = closeCode
  }
}

const invalidFrame = 'A frame is not as RFC 6455 wants it.'
const invalidOrder = 'A message begins in another, or goes on without one.'
const invalidLength = 'The length of a frame is written longer than it must be.'

const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 }
const knownOpcodes: ReadonlySet<number> = new Set(Object.values(opcodes))

/** Reads the frames of a browser (RFC 6455, section 5.2) into text messages. A frame that could be read in two ways is a fault. */
export class ClientMessages {
  /** Bytes that are no whole frame yet, and how many are needed before they are looked at again. */
  #chunks: Buffer[] = []
  #held = 0
  #needed = 2
  /** The frames of an incomplete message, and their payloads. */
  #frames: Buffer[] = []
  #payloads: Buffer[] = []
  #messageBytes = 0

  /** Returns the parts that these bytes complete. Raises FrameFault. */
  push (chunk: Buffer): ClientPart[] {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    const parts: ClientPart[] = []
    if (this.#held < this.#needed) return parts
    let bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks)
    for (;;) {
      this.#needed = this.#frameSize(bytes)
      if (bytes.length < this.#needed) break
      const isLast = bytes.length === this.#needed
      const part = this.#take(isLast ? bytes : bytes.subarray(0, this.#needed))
      if (part !== undefined) parts.push(part)
      bytes = isLast ? nothing : bytes.subarray(this.#needed)
    }
    this.#chunks = bytes.length === 0 ? [] : [bytes]
    this.#held = bytes.length
    return parts
  }

  /** The length of the frame that begins here, or of the part of its header that is needed to know it. */
  #frameSize (bytes: Buffer): number {
    if (bytes.length < 2) return 2
    const first = bytes[0] as number
    const second = bytes[1] as number
    const opcode = first & 0x0f
    const isControl = opcode >= 8
    const short = second & 0x7f
    // Without a negotiated extension the reserved bits are 0. Frames of a client are masked.
    if ((first & 0x70) !== 0 || second < 0x80) throw new FrameFault(1002, invalidFrame)
    if (opcode === opcodes.binary) throw new FrameFault(1003, 'The engine is spoken to by text only.')
    if (!knownOpcodes.has(opcode) || (isControl && (short > 125 || first < 0x80))) throw new FrameFault(1002, invalidFrame)
    if ((opcode === opcodes.text) === (this.#frames.length > 0) && !isControl) throw new FrameFault(1002, invalidOrder)
    const header = 6 + (short === 127 ? 8 : short === 126 ? 2 : 0)
    if (bytes.length < header) return header
    const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short
    if ((short === 126 && length < 126) || (short === 127 && length < 65_536)) throw new FrameFault(1002, invalidLength)
    if (!isControl && this.#messageBytes + header + length > mostMessageBytes) throw new FrameFault(1009, 'A message is longer than 1 MB.')
    return header + length
  }

  #take (frame: Buffer): ClientPart | undefined {
    const first = frame[0] as number
    const opcode = first & 0x0f
    if (opcode >= 8) return { kind: 'control', bytes: frame, isClose: opcode === opcodes.close }
    const isFinal = first >= 0x80
    const maskAt = maskPosition(frame)
    if (isFinal && this.#frames.length === 0) return toMessage(frame, readText(frame, maskAt))
    this.#frames.push(frame)
    this.#messageBytes += frame.length
    this.#payloads.push(copyPayload(frame, maskAt))
    if (!isFinal) return undefined
    const message = toMessage(Buffer.concat(this.#frames), joinPayloads(this.#payloads))
    this.#frames = []
    this.#payloads = []
    this.#messageBytes = 0
    return message
  }
}

const nothing = Buffer.alloc(0)

function toMessage (bytes: Buffer, message: MessageText | undefined): ClientPart {
  if (message === undefined) throw new FrameFault(1007, 'A message is no text in UTF-8.')
  return { kind: 'message', bytes, message }
}

function maskPosition (frame: Buffer): number {
  const short = (frame[1] as number) & 0x7f
  return 2 + (short === 127 ? 8 : short === 126 ? 2 : 0)
}
