import { Transform } from 'node:stream'

/** The addresses to look for in JSON, and what replaces them. */
export interface AddressRules {
  /** Without the colon: `https`, `wss`. */
  schemes: readonly string[]
  /** Host names, with a port where the address has one. */
  hosts: readonly string[]
  /**
   * What may follow the host and still belongs to the address: a port, or the path of a base URL without its trailing
   * slash.
   */
  suffixes: readonly string[]
  ignoreCase: boolean
  /** The address to write in place of one with this scheme. */
  replacement: (scheme: string) => string
}

/** Replaces addresses at the start of JSON strings. Every other byte stays as it is. */
export interface AddressRewriter {
  rewriteText: (json: string) => string
  /** Like `rewriteText`, for the bytes of a complete text, whatever its encoding. */
  rewriteWhole: (json: Buffer) => Buffer
  /**
   * Returns a stream that does the same. It holds back only the beginning of a string that may turn out to be an
   * address.
   */
  rewriteStream: () => Transform
}

// JSON may write a slash as \/ or \u002f, and may escape the character that ends the host in the same way.
const slashes = ['/', '\\/', '\\u002f', '\\u002F']
const ends = ['"', '/', '?', '#', '\\/', '\\u002f', '\\u002F', '\\u003f', '\\u003F', '\\u0023']

export function createAddressRewriter (rules: AddressRules): AddressRewriter {
  const { hosts, ignoreCase, replacement } = rules
  const flags = ignoreCase ? 'i' : ''
  const anyHost = new RegExp(hosts.map(escapePattern).join('|'), flags)
  const pattern = new RegExp(patternOf(rules), `g${flags}`)
  const isBeginning = createBeginningTest(rules)

  function rewriteText (json: string): string {
    return json.replace(pattern, (match, scheme: string, slash: string, at: number) => {
      // After an odd number of backslashes the quote is escaped: it belongs to a string that began earlier.
      if (backslashesBefore(json, at) % 2 === 1) return match
      const address = replacement(scheme.toLowerCase())
      return `"${slash === '/' ? address : address.replaceAll('/', slash)}`
    })
  }

  return {
    rewriteText,
    rewriteWhole (json) {
      // latin1 maps every byte to one character, so bytes that belong to no address cannot change.
      const text = json.toString('latin1')
      if (!anyHost.test(text)) return json
      const rewritten = rewriteText(text)
      return rewritten === text ? json : Buffer.from(rewritten, 'latin1')
    },
    rewriteStream () {
      let held = ''
      // The end of what has been passed on: the quote before the held text, or an unescaped backslash, or neither.
      let ending: '"' | '\\' | '' = ''

      function rewritePiece (piece: Buffer): Buffer {
        // The end of the previous output is scanned again as context for the new piece, and cut off below.
        const text = ending + held + piece.toString('latin1')
        const passed = ending.length
        const quote = text.lastIndexOf('"')
        const opens = quote !== -1 && backslashesBefore(text, quote) % 2 === 0 && isBeginning(text, quote + 1)
        const cut = opens ? quote + 1 : text.length
        const isUntouched = held === '' && !anyHost.test(text)
        held = text.slice(cut)
        ending = opens ? '"' : backslashesBefore(text, cut) % 2 === 1 ? '\\' : ''
        // Most pieces contain no address: passing their own bytes on is cheaper than encoding the text again.
        if (isUntouched) return held === '' ? piece : piece.subarray(0, piece.length - held.length)
        const rewritten = rewriteText(text)
        return Buffer.from(rewritten.slice(passed, rewritten.length - held.length), 'latin1')
      }

      return new Transform({
        transform (piece: Buffer, _encoding, done) { done(null, rewritePiece(piece)) },
        flush (done) { done(null, Buffer.from(held, 'latin1')) }
      })
    }
  }
}

function patternOf ({ schemes, hosts, suffixes }: AddressRules): string {
  const anyOf = (texts: readonly string[]) => `(?:${texts.map(escapePattern).join('|')})`
  const slash = anyOf(slashes)
  const places = hosts.flatMap(host => suffixes.map(suffix => host + suffix)).map(place => place.split('/').map(escapePattern).join(slash))
  // The address must end here, or `tenant.example` would also match `tenant.example.evil`.
  return `"(${schemes.join('|')}):(${slash})${slash}(?:${places.join('|')})(?=${anyOf(ends)})`
}

/** Returns a test: does the text end, after the quote at this position, in what may become an address? */
function createBeginningTest ({ schemes, hosts, suffixes, ignoreCase }: AddressRules): (text: string, from: number) => boolean {
  const fold = (text: string) => ignoreCase ? text.toLowerCase() : text
  const places = hosts.flatMap(host => suffixes.flatMap(suffix => slashes.map(slash => fold((host + suffix).replaceAll('/', slash)))))
  const parts = [schemes.map(scheme => `${scheme}:`), slashes, slashes, places, ends]
  const longest = parts.reduce((length, texts) => length + Math.max(...texts.map(text => text.length)), 0)

  function mayBegin (rest: string, [texts, ...following]: readonly (readonly string[])[]): boolean {
    if (texts === undefined) return false
    if (texts.some(text => text.length > rest.length && text.startsWith(rest))) return true
    return texts.some(text => rest.startsWith(text) && mayBegin(rest.slice(text.length), following))
  }

  return (text, from) => text.length - from < longest && mayBegin(fold(text.slice(from)), parts)
}

function backslashesBefore (text: string, at: number): number {
  let count = 0
  while (text[at - 1 - count] === '\\') count++
  return count
}

function escapePattern (text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
