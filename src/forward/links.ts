import { Transform } from 'node:stream'

/** Turns addresses of the tenant into addresses of the gateway, so that no client leaves it by following a link. */
export interface Links {
  /** A whole URL, as in Location: the gateway's if it was the tenant's, else as it was. A path on the tenant becomes one below the base path. */
  rewriteLocation: (location: string) => string
  /** The targets in a Link header (RFC 8288). */
  rewriteLinkHeader: (header: string) => string
  /** A JSON text whose strings that began with an address of the tenant begin with the gateway's; every other character stays. */
  rewriteText: (json: string) => string
  /** A stream that does the same, byte for byte, holding back no more than an address. */
  rewriteJson: () => Transform
}

export function createLinks (tenantUrl: URL, publicUrl: URL): Links {
  const escapedHost = tenantUrl.host.replace(/[.[\]]/g, '\\$&')
  const port = tenantUrl.port === '' ? '(?::(?:443|80))?' : ''
  // A slash may be written \/ in JSON. What follows the host must end it, or `tenant.example` would match `tenant.example.evil`.
  const address = `(https?|wss?):(\\\\?/)\\\\?/${escapedHost}${port}`
  const wholeAddress = new RegExp(`^${address}(?=[/?#]|$)`, 'i')
  // A text that ends here was cut before a quote or the backslash of one.
  const jsonAddress = new RegExp(`"${address}(?=["/?#\\\\]|$)`, 'gi')
  // The longest text that a decision can wait for: quote, scheme, slashes, host, port and the character behind it.
  const longestWait = '"https:\\/\\/:443"'.length + tenantUrl.host.length
  const base = publicUrl.href.replace(/\/$/, '')
  const bases = { http: base, ws: base.replace(/^http/, 'ws') }

  function ours (scheme: string, slash: string): string {
    const target = scheme.toLowerCase().startsWith('ws') ? bases.ws : bases.http
    return slash === '/' ? target : target.replaceAll('/', slash)
  }

  const rewriteUrl = (url: string) => url.replace(wholeAddress, (_match, scheme: string, slash: string) => ours(scheme, slash))
  const rewriteText = (text: string) => text.replace(jsonAddress, (match, scheme: string, slash: string, at: number) =>
    // An odd number of backslashes makes the quote part of a string that began before.
    backslashesBefore(text, at) % 2 === 1 ? match : `"${ours(scheme, slash)}`)
  const toBytes = (text: string) => Buffer.from(rewriteText(text), 'latin1')

  return {
    rewriteLocation (location) {
      const isPath = location.startsWith('/') && !/^\/[/\\]/.test(location)
      return isPath ? publicUrl.pathname.replace(/\/$/, '') + location : rewriteUrl(location)
    },
    rewriteLinkHeader: header => header.replace(/<([^<>]*)>/g, (_match, url: string) => `<${rewriteUrl(url)}>`),
    rewriteText,
    rewriteJson () {
      // One byte is one character of latin1, so nothing that is not an address can change.
      let kept = ''
      return new Transform({
        transform (chunk: Buffer, _encoding, done) {
          const text = kept + chunk.toString('latin1')
          const cut = settledLength(text, longestWait)
          kept = text.slice(cut)
          done(null, toBytes(text.slice(0, cut)))
        },
        flush (done) {
          done(null, toBytes(kept))
        }
      })
    }
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
