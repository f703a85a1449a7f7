/** How a frame of a client differs from a plain one of text. */
export interface FrameShape {
  opcode?: number
  /** Whether the message ends with it. */
  fin?: boolean
  /** Reserved bits, as they stand in the first byte. */
  reserved?: number
  mask?: Buffer | undefined
  /** How the length is written; as short as it can be, unless set. */
  lengthBytes?: 0 | 2 | 8
}

/** A frame as a client sends it (RFC 6455, section 5.2), or as it must not. */
export function clientFrame (
  payload: Buffer | string,
  { opcode = 1, fin = true, reserved = 0, mask = Buffer.from([1, 2, 3, 4]), lengthBytes }: FrameShape = {}
): Buffer {
  const data = Buffer.from(payload)
  const extended = lengthBytes ?? (data.length < 126 ? 0 : data.length < 65_536 ? 2 : 8)
  const header = Buffer.alloc(2 + extended)
  header[0] = (fin ? 0x80 : 0) | reserved | opcode
  header[1] = (mask.length > 0 ? 0x80 : 0) | (extended === 0 ? data.length : extended === 2 ? 126 : 127)
  if (extended === 2) header.writeUInt16BE(data.length, 2)
  if (extended === 8) header.writeBigUInt64BE(BigInt(data.length), 2)
  return Buffer.concat([header, mask, mask.length > 0 ? data.map((byte, at) => byte ^ (mask[at % 4] as number)) : data])
}

/** What the text frames of a server say, one after another; their payloads must be shorter than 65,536 bytes. */
export function serverTexts (bytes: Buffer): string[] {
  const texts: string[] = []
  for (let at = 0; at < bytes.length;) {
    const short = (bytes[at + 1] as number) & 0x7f
    const start = at + (short === 126 ? 4 : 2)
    const end = start + (short === 126 ? bytes.readUInt16BE(at + 2) : short)
    if (bytes[at] === 0x81) texts.push(bytes.toString('utf8', start, end))
    at = end
  }
  return texts
}
