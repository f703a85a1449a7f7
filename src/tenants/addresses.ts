import { Transform } from 'node:stream'

/** Addresses that are looked for in JSON, and what takes their place. */
export interface AddressRules {
  /** Without the colon: `https`, `wss`. */
  schemes: readonly string[]
  /** Names with a port where one belongs to them. */
  hosts: readonly string[]
  /** What may follow a host and belongs to the address: ports, or the path of a base URL without a slash at its end. */
  suffixes: readonly string[]
  ignoreCase: boolean
  /** The address to write in place of one with this scheme. */
  replacement: (scheme: string) => string
}

/** Replaces addresses at the start of JSON strings; every other byte stays. */
export interface AddressRewriter {
  rewriteText: (json: string) => string
  /** The same for the bytes of a whole text, whatever its encoding. */
  rewriteWhole: (json: Buffer) => Buffer
  /** A stream that does the same. It holds back nothing but the beginning of a string that may turn out to be an address. */
  rewriteStream: () => Transform
}

// In JSON a slash may be written \/ or \u002f, and what ends the host by its code too.
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
      // An odd number of backslashes makes the quote part of a string that began before.
      if (backslashesBefore(json, at) % 2 === 1) return match
      const address = replacement(scheme.toLowerCase())
      return `"${slash === '/' ? address : address.replaceAll('/', slash)}`
    })
  }

  return {
    rewriteText,
    rewriteWhole (json) {
      // One byte is one character of latin1, so nothing that is not an address can change.
      const text = json.toString('latin1')
      if (!anyHost.test(text)) return json
      const rewritten = rewriteText(text)
      return rewritten === text ? json : Buffer.from(rewritten, 'latin1')
    },
    rewriteStream () {
      let held = ''
      // How what was passed on ended: in the quote before what is held, or in a backslash that is not escaped itself.
      let ending: '"' | '\\' | '' = ''

      function rewritePiece (piece: Buffer): Buffer {
        // What was passed on is read once more, for what it makes of the rest, and cut off below.
        const text = ending + held + piece.toString('latin1')
        const passed = ending.length
        const quote = text.lastIndexOf('"')
        const opens = quote !== -1 && backslashesBefore(text, quote) % 2 === 0 && isBeginning(text, quote + 1)
        const cut = opens ? quote + 1 : text.length
        const isUntouched = held === '' && !anyHost.test(text)
        held = text.slice(cut)
        ending = opens ? '"' : backslashesBefore(text, cut) % 2 === 1 ? '\\' : ''
        // Most pieces name no host: writing their bytes anew would cost more than looking at them.
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
  // What follows must end the address, or `tenant.example` would match `tenant.example.evil`.
  return `"(${schemes.join('|')}):(${slash})${slash}(?:${places.join('|')})(?=${anyOf(ends)})`
}

/** Tells whether a text breaks off, after the quote that ends at a position, in what may become an address. */
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
