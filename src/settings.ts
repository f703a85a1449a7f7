import { isIP, isIPv4 } from 'node:net'
import { z } from 'zod'
import { isCanonicalPath } from './admission/target.js'

// The kinds of values that settings have. Each takes the text of a variable or the value that a program passes,
// and says in its message what is wrong and what would be right.

/** The error option of a zod check: a fixed text, and "is required" when there is no value at all. */
export function fault (text: string) {
  return { error: (issue: { input?: unknown }) => issue.input === undefined ? `is required: it ${text.replace(/^is not /, 'is ')}` : text }
}

/** A list: an array, or text separated by commas or white space. */
export function list<Item extends z.ZodType> (item: Item) {
  return z.preprocess(value => typeof value === 'string' ? value.split(/[\s,]+/).filter(Boolean) : value, z.array(item))
}

/** A URL of https, or of http on a loopback host, without credentials, query and fragment. */
export const webUrl = z.union([z.string(), z.instanceof(URL)], { error: 'is required: set it to a URL' }).transform((value, context) => {
  const url = URL.canParse(String(value)) ? new URL(String(value)) : null
  const problem = url === null ? 'is not a URL' : problemOf(url, String(value))
  if (problem === undefined) return url as URL
  context.issues.push({ code: 'custom', message: `${problem}: write it as https://host, http is for loopback hosts only`, input: value })
  return z.NEVER
})

function problemOf (url: URL, text: string): string | undefined {
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) return 'is not https'
  if (url.username !== '' || url.password !== '') return 'holds credentials'
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(text)) return 'holds a query or a fragment'
  return undefined
}

/** A URL without a path. */
export const originUrl = webUrl.refine(url => url.pathname === '/', { error: 'holds a path: give the origin only, as https://host' })

/** A URL whose path is where the gateway is mounted. A slash at its end is dropped. */
export const mountUrl = webUrl.transform((url, context) => {
  const mounted = new URL(url.href)
  mounted.pathname = url.pathname.replace(/\/$/, '')
  if (url.pathname === '/' || isCanonicalPath(url.pathname.replace(/\/$/, ''))) return mounted
  context.issues.push({ code: 'custom', message: 'has a path with empty segments or odd encoding: write it plainly, as https://host/path', input: url.href })
  return z.NEVER
})

/** Whether a host name is this machine's own. */
export function isLoopback (hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'))
}

/** A key of 32 bytes in base64. */
export const sessionKey = z.union([z.string(), z.instanceof(Buffer)]).transform((value, context) => {
  const key = typeof value === 'string' ? Buffer.from(value, 'base64') : value
  if (key.length === 32) return key
  context.issues.push({ code: 'custom', message: `holds a key of ${key.length} bytes: each must be 32 bytes in base64, as \`openssl rand -base64 32\` prints`, input: undefined })
  return z.NEVER
})

/** A range of addresses. `true`, hop counts and IPv4-mapped ranges would trust everybody or nobody. */
export const cidrRange = z.string().refine(range => {
  const [address = '', bits, more] = range.split('/')
  const family = isIP(address)
  if (more !== undefined || family === 0 || /^::ffff:/i.test(address)) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) > 0 && Number(bits) <= (family === 4 ? 32 : 128))
}, { error: 'holds something that is not a CIDR range: list the addresses of your proxies, as 10.0.0.0/8 (true, numbers and IPv4-mapped ranges are refused)' })

/** A prefix of paths: canonical, unencoded, no slash at its end. */
export const pathPrefix = z.string().refine(prefix => /^(?:\/[\w.~-]+)+$/.test(prefix) && isCanonicalPath(prefix), {
  error: 'holds something that is not a path prefix: write it as /name, without a slash at the end'
})

/** Whole seconds, at least one. */
export const seconds = wholeNumber(1, 10 * 365 * 86400, 'a number of whole seconds, 1 or more')

/** A TCP port; 0 lets the system choose. */
export const portNumber = wholeNumber(0, 65535, 'a port number from 0 to 65535')

function wholeNumber (least: number, most: number, what: string) {
  return z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)], { error: `is not ${what}` })
    .refine(value => Number.isInteger(value) && value >= least && value <= most, { error: `is not ${what}` })
}
