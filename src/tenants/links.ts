import { Transform } from 'node:stream'

/** Turns addresses of the tenant into addresses of the gateway, so that no client leaves it by following a link. */
export interface Links {
  /** A whole URL, as in Location: the gateway's if it was the tenant's, else as it was. A path on the tenant becomes one below the base path. */
  rewriteLocation: (location: string) => string
  /** The same for the targets in a Link header (RFC 8288). */
  rewriteLinkHeader: (header: string) => string
  /** A JSON text whose strings that began with an address of the tenant begin with the gateway's; every other character stays. */
  rewriteText: (json: string) => string
  /** The same for the bytes of a whole text, whatever its encoding. */
  rewriteWhole: (json: Buffer) => Buffer
  /** A stream that does the same, byte for byte, holding back no more than an address. */
  rewriteJson: () => Transform
  /** Takes further hostnames of the tenant, in place of those it took before: valid host names. */
  useHostnames: (hostnames: string[]) => void
}

export function createLinks (tenantUrl: URL, publicUrl: URL): Links {
  const port = tenantUrl.port === '' ? '(?::(?:443|80))?' : `:${tenantUrl.port}`
  const base = publicUrl.href.replace(/\/$/, '')
  const bases = { http: base, ws: base.replace(/^http/, 'ws') }
  let patterns = createPatterns([tenantUrl.hostname], port)

  function ours (scheme: string | undefined, slash: string): string {
    const target = scheme?.toLowerCase().startsWith('ws') ? bases.ws : bases.http
    return slash === '/' ? target : target.replaceAll('/', slash)
  }

  function rewriteLocation (location: string): string {
    const isPath = location.startsWith('/') && !/^\/[/\\]/.test(location)
    if (isPath) return publicUrl.pathname.replace(/\/$/, '') + location
    return location.replace(patterns.wholeAddress, (_match, scheme: string | undefined) => ours(scheme, '/'))
  }

  /** The text up to `end`, judged by all of it. */
  function rewriteText (text: string, { jsonAddress } = patterns, end = text.length): string {
    const rewritten = text.replace(jsonAddress, (match, scheme: string, slash: string, at: number) =>
      // An odd number of backslashes makes the quote part of a string that began before.
      at >= end || backslashesBefore(text, at) % 2 === 1 ? match : `"${ours(scheme, slash)}`)
    return rewritten.slice(0, rewritten.length + end - text.length)
  }

  return {
    useHostnames (hostnames) {
      // A gateway that is called like an alias of the tenant keeps its name.
      const others = hostnames.filter(name => name.toLowerCase() !== publicUrl.hostname || tenantUrl.port !== publicUrl.port)
      patterns = createPatterns([tenantUrl.hostname, ...others], port)
    },
    rewriteLocation,
    rewriteLinkHeader: header => header.replace(/<([^<>]*)>/g, (_match, url: string) => `<${rewriteLocation(url)}>`),
    rewriteText: json => rewriteText(json),
    rewriteWhole (json) {
      // One byte is one character of latin1, so nothing that is not an address can change.
      const text = json.toString('latin1')
      if (!patterns.anyHost.test(text)) return json
      const rewritten = rewriteText(text)
      return rewritten === text ? json : Buffer.from(rewritten, 'latin1')
    },
    rewriteJson () {
      let kept = ''
      // What is known now: a pattern that came in the middle could need more than what was kept.
      const known = patterns
      const toBytes = (text: string, end?: number) => Buffer.from(rewriteText(text, known, end), 'latin1')
      return new Transform({
        transform (chunk: Buffer, _encoding, done) {
          const text = kept + chunk.toString('latin1')
          const cut = settledLength(text, known.longestWait)
          // Most pieces name no host of the tenant, and writing bytes anew costs more than looking.
          const bytes = known.anyHost.test(text) ? toBytes(text, cut) : Buffer.concat([Buffer.from(kept, 'latin1'), chunk], cut)
          kept = text.slice(cut)
          done(null, bytes)
        },
        flush (done) {
          done(null, toBytes(kept))
        }
      })
    }
  }
}

interface Patterns {
  /** A host of the tenant, wherever it stands: without one there is no address. */
  anyHost: RegExp
  /** An address of the tenant at the start of a URL, by its scheme or without one. */
  wholeAddress: RegExp
  /** One at the start of a JSON string. */
  jsonAddress: RegExp
  /** The longest text that a decision can wait for. */
  longestWait: number
}

function createPatterns (hostnames: string[], port: string): Patterns {
  const anyHost = hostnames.map(name => name.replace(/[.[\]]/g, '\\$&')).join('|')
  const host = `(?:${anyHost})${port}`
  // In JSON a slash may be written \/ or \u002f, and what ends the host by its code too.
  const slash = '\\\\?/|\\\\u002f'
  return {
    anyHost: new RegExp(anyHost, 'i'),
    // What follows the host must end it, or `tenant.example` would match `tenant.example.evil`.
    wholeAddress: new RegExp(`^(?:(https?|wss?):)?//${host}(?=[/?#]|$)`, 'i'),
    jsonAddress: new RegExp(`"(https?|wss?):(${slash})(?:${slash})${host}(?=["/?#]|\\\\(?:/|u00(?:2f|3f|23)))`, 'gi'),
    longestWait: '"https:\\u002f\\u002f:65535\\u002f'.length + Math.max(...hostnames.map(({ length }) => length))
  }
}

/** How much of a text can be judged without what follows: all before the first quote of its last characters, and an even number of backslashes before that. */
function settledLength (text: string, longestWait: number): number {
  const quote = text.indexOf('"', Math.max(0, text.length - longestWait))
  const end = quote === -1 ? text.length : quote
  return end - backslashesBefore(text, end) % 2
}

function backslashesBefore (text: string, at: number): number {
  let count = 0
  while (text[at - 1 - count] === '\\') count++
  return count
}
