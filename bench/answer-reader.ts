const endOfHead = '\r\n\r\n'

/**
 * Reads HTTP/1.1 answers in pieces, compares every byte with the expected one, and reports for each answer whether it
 * was right.
 */
export function createAnswerReader (expected: Buffer, told: (right: boolean) => void): (piece: Buffer, length: number) => void {
  let state: 'head' | 'body' | 'chunk size' | 'end' = 'head'
  let text = ''
  let chunked = false
  /** Bytes of the body, or of the chunk, that have not arrived yet. */
  let left = 0
  let bodyAt = 0
  let right = true

  function takeHead (piece: Buffer, at: number, length: number): number {
    const before = text.length
    text += piece.toString('latin1', at, length)
    const end = text.indexOf(endOfHead, Math.max(0, before - 3))
    if (end === -1) return length
    right = text.startsWith('HTTP/1.1 200 ')
    const size = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))
    chunked = size === null
    left = Number(size?.[1] ?? 0)
    state = chunked ? 'chunk size' : 'body'
    text = ''
    return at + end + endOfHead.length - before
  }

  function takeBody (piece: Buffer, at: number, length: number): number {
    const count = Math.min(left, length - at)
    right &&= bodyAt + count <= expected.length && expected.compare(piece, at, at + count, bodyAt, bodyAt + count) === 0
    bodyAt += count
    left -= count
    if (left === 0 && chunked) state = 'chunk size'
    return at + count
  }

  function takeLine (piece: Buffer, at: number, length: number): number {
    while (at < length && !text.endsWith('\n')) text += String.fromCharCode(piece[at++] as number)
    if (!text.endsWith('\n')) return at
    const line = text.trim()
    text = ''
    if (state === 'end') chunked = false
    // The line end after a chunk comes before the size of the next one.
    else if (line !== '') {
      left = parseInt(line, 16)
      state = left === 0 ? 'end' : 'body'
    }
    return at
  }

  return (piece, length) => {
    let at = 0
    while (at < length) {
      if (state === 'head') at = takeHead(piece, at, length)
      else if (state === 'body') at = takeBody(piece, at, length)
      else at = takeLine(piece, at, length)
      if (state === 'head' || chunked || left > 0) continue
      state = 'head'
      told(right && bodyAt === expected.length)
      bodyAt = 0
    }
  }
}
