// WebSocket frames (RFC 6455, section 5.2) that are made in advance, so that neither end computes any during a
// measurement.

const burstBytes = 65_536

/** The maximal number of messages of one size that are answered in one write. */
export function longestBurst (size: number): number {
  return Math.max(1, Math.floor(burstBytes / size))
}

/** The size of a frame with such a payload, from a client and from a server. */
export function sizesOf (size: number): { masked: number, plain: number } {
  const plain = 2 + (size < 126 ? 0 : size < 65_536 ? 2 : 8) + size
  return { masked: plain + 4, plain }
}

/** The longest burst of text messages, as a server sends them. */
export function serverFrames (size: number): Buffer {
  const frame = Buffer.concat([headerOf(size, false), textOf(size)])
  return Buffer.concat(Array.from({ length: longestBurst(size) }, () => frame))
}

/** One text message, as a client sends it. */
export function clientFrame (size: number): Buffer {
  const mask = Buffer.from([1, 2, 3, 4])
  const payload = requestOf(size).map((byte, at) => byte ^ (mask[at % 4] as number))
  return Buffer.concat([headerOf(size, true), mask, payload])
}

/** A request to the engine of this size, which a policy lets pass. */
function requestOf (size: number): Buffer {
  const [begin, end] = ['{"jsonrpc":"2.0","id":1,"handle":1,"method":"GetLayout","params":["', '"]}']
  return Buffer.from(begin + 'x'.repeat(size - begin.length - end.length) + end)
}

function textOf (size: number): Buffer {
  return Buffer.alloc(size, '{"jsonrpc":"2.0","id":1} ')
}

function headerOf (size: number, masked: boolean): Buffer {
  const header = Buffer.alloc(sizesOf(size).plain - size)
  header[0] = 0x81
  header[1] = (size < 126 ? size : size < 65_536 ? 126 : 127) | (masked ? 0x80 : 0)
  if (header.length === 4) header.writeUInt16BE(size, 2)
  if (header.length === 10) header.writeBigUInt64BE(BigInt(size), 2)
  return header
}
