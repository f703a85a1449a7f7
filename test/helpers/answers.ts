/** An answer of HTTP/1.1 as it stands on the wire. */
export interface WireAnswer {
  status: number
  headers: Record<string, string>
  body: Buffer
}

/**
 * Reads what a server sent on one connection, answer by answer, and raises an error where that is no HTTP/1.1. What
 * follows a 101 is its body; `whole` is false when the last answer is not complete. `isHead` says which answers,
 * counted without interim ones, are to HEAD.
 */
export function readAnswers (bytes: Buffer, isHead = (_at: number) => false): { answers: WireAnswer[], whole: boolean } {
  const answers: WireAnswer[] = []
  let rest = bytes
  let finals = 0
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n')
    if (end === -1) return { answers, whole: false }
    const { status, headers } = readHead(rest.subarray(0, end).toString('latin1'))
    rest = rest.subarray(end + 4)
    const { body, length, whole } = isHead(finals) ? nothing : readBody(status, headers, rest)
    if (status >= 200) finals++
    answers.push({ status, headers, body })
    if (!whole) return { answers, whole }
    rest = rest.subarray(length)
  }
  return { answers, whole: true }
}

const nothing = { body: Buffer.alloc(0), length: 0, whole: true }

function readHead (head: string): { status: number, headers: Record<string, string> } {
  const [first = '', ...lines] = head.split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/.exec(first)?.[1]
  if (status === undefined) throw new Error(`This is no status line: ${first.slice(0, 200)}`)
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const [, name = '', value = ''] = /^([!#$%&'*+.^_`|~\w-]+): ?(.*)$/.exec(line) ?? []
    if (name === '') throw new Error(`This is no header: ${line.slice(0, 200)}`)
    headers[name.toLowerCase()] = value
  }
  return { status: Number(status), headers }
}

function readBody (status: number, headers: Record<string, string>, bytes: Buffer): { body: Buffer, length: number, whole: boolean } {
  if (status === 101) return { body: bytes, length: bytes.length, whole: true }
  if (status < 200 || status === 204 || status === 304) return nothing
  if (headers['transfer-encoding'] === 'chunked') return readChunks(bytes)
  const length = Number(headers['content-length'] ?? bytes.length)
  return { body: bytes.subarray(0, length), length, whole: bytes.length >= length }
}

function readChunks (bytes: Buffer): { body: Buffer, length: number, whole: boolean } {
  const chunks: Buffer[] = []
  let at = 0
  for (;;) {
    const end = bytes.indexOf('\r\n', at)
    if (end === -1) return { body: Buffer.concat(chunks), length: at, whole: false }
    const line = bytes.subarray(at, end).toString('latin1')
    if (!/^[0-9a-f]{1,8}$/i.test(line)) throw new Error(`This is no size of a chunk: ${line.slice(0, 200)}`)
    const size = parseInt(line, 16)
    at = end + 2
    chunks.push(bytes.subarray(at, at + size))
    if (bytes.length < at + size + 2) return { body: Buffer.concat(chunks), length: bytes.length, whole: false }
    if (bytes.subarray(at + size, at + size + 2).toString() !== '\r\n') throw new Error('A chunk is longer than it says.')
    at += size + 2
    if (size === 0) return { body: Buffer.concat(chunks), length: at, whole: true }
  }
}
