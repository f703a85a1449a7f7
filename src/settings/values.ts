import { BlockList, isIP, isIPv4 } from 'node:net'
import { z } from 'zod'
import { isCanonicalPath } from '../admission/target.js'
import { ClientKey } from '../credentials/client-key.js'
import { parseRedisUrl } from '../replicas/redis-servers.js'

// The kinds of values that settings have. Each takes the text of a variable or the value that a program passes,
// and says in its message what is wrong and what would be right.

/** Text without white space; `what` it is to be set to. */
export const word = (what: string) => z.string({ error: `is required: set it to ${what}` })
  .regex(/^[\u0021-\u007e]+$/, { error: `is empty or holds white space: set it to ${what}` })

/** A private key of a client, in PEM or as a JWK. */
export const clientKey = z.union([z.instanceof(ClientKey), z.string()]).transform((value, context) => {
  try {
    return typeof value === 'string' ? new ClientKey(value) : value
  } catch (error) {
    context.issues.push({ code: 'custom', message: (error as Error).message, input: undefined })
    return z.NEVER
  }
})

/** A list: an array, or text separated by commas or white space. `absent` is what to say when it is neither. */
export function list<Item extends z.ZodType> (item: Item, absent = 'is not a list') {
  return z.preprocess(value => typeof value === 'string' ? value.split(/[\s,]+/).filter(Boolean) : value, z.array(item, { error: absent }))
}

/** A list whose items may hold white space: an array, or text separated by commas or line breaks. */
export function lines<Item extends z.ZodType> (item: Item) {
  return z.preprocess(value => typeof value === 'string' ? value.split(/[\n,]/).map(line => line.trim()).filter(Boolean) : value, z.array(item, { error: 'is not a list' }))
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
  // The URL standard lets a host hold `*` and `;`, which mean more than themselves in frame-ancestors.
  if (!/^(?:[\w.-]+|\[[\da-f:]+\])$/.test(url.hostname)) return 'holds a host name that is none'
  if (url.username !== '' || url.password !== '') return 'holds credentials'
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(text)) return 'holds a query or a fragment'
  return undefined
}

/** A URL without a path. */
export const originUrl = webUrl.refine(url => url.pathname === '/', { error: 'holds a path: give the origin only, as https://host' })

// What the web views of mobile apps send: a scheme of the app's own and a host. Schemes that browsers know are judged as URLs.
const appOrigin = /^(?!https?:|wss?:|file:|data:|blob:|about:|javascript:)[a-z][a-z\d+.-]*:\/\/[a-z\d](?:[a-z\d.-]*[a-z\d])?$/

/** The origin of a page, as browsers write it in `Origin`: of a web site, or of an app (`capacitor://localhost`). */
export const pageOrigin = z.unknown().transform((value, context) => {
  if (appOrigin.test(String(value))) return String(value)
  const url = originUrl.safeParse(value)
  if (url.success) return url.data.origin
  const wildcard = 'holds a wildcard: list each origin, since wildcards are not supported here (FRAME_ANCESTORS takes them, for frames alone)'
  context.issues.push({ code: 'custom', message: String(value).includes('*') ? wildcard : String(url.error.issues[0]?.message), input: undefined })
  return z.NEVER
})

const frameSource = /^[a-z][a-z\d+.-]*:\/\/(?:\*\.)?(?:[a-z\d](?:[a-z\d.-]*[a-z\d])?|\[[\da-f:]+\])(?::(?:\d{1,5}|\*))?$/i
const nobody = "'none'"

/** One source of `frame-ancestors` (CSP Level 3, section 6.4.2): an origin, whose host may begin with `*.`, or 'self' or 'none'. */
const frameAncestor = z.string().refine(source => {
  if (source === "'self'" || source === nobody) return true
  const [, scheme, host] = /^(\w+):\/\/(.*?)(?::[\d*]+)?$/.exec(source) ?? []
  return frameSource.test(source) && (scheme !== 'http' || isLoopback(String(host)))
}, { error: "holds something that names no page: write https://host or https://*.host, or 'self' or 'none'; http is for loopback hosts only" })

/** A list of them. */
export const frameAncestorList = list(frameAncestor).refine(sources => sources.length === 1 || !sources.includes(nobody), { error: "holds 'none' beside others: keep one or the other" })

// Anything else would be a parameter to the router, or be encoded by some and not by others.
const plainPath = /^(?:\/[\w.~-]+)+$/

/** A URL whose path is where the gateway is mounted. A slash at its end is dropped. */
export const mountUrl = webUrl.transform((url, context) => {
  const mounted = new URL(url.href)
  mounted.pathname = url.pathname.replace(/\/$/, '')
  if (url.pathname === '/' || plainPath.test(mounted.pathname)) return mounted
  context.issues.push({ code: 'custom', message: 'has a path with empty segments or characters besides letters, digits, - . _ and ~: write it plainly, as https://host/path', input: url.href })
  return z.NEVER
})

/** The address of the callback that several tenants share. */
export const callbackAddress = webUrl.refine(({ pathname }) => /^(?:\/[\w.~-]+)*\/login\/callback$/.test(pathname), {
  error: 'does not end in /login/callback: write it as https://host/login/callback'
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

const mappedAddresses = new BlockList()
mappedAddresses.addSubnet('::ffff:0:0', 96, 'ipv6')

/** Whether a range of IPv6 lies in the IPv4-mapped block or holds it: by every spelling of it, proxies of IPv4 would be trusted. */
function isMapped (address: string, bits: number): boolean {
  const range = new BlockList()
  range.addSubnet(address, bits, 'ipv6')
  return mappedAddresses.check(address, 'ipv6') || range.check('::ffff:0:0', 'ipv6')
}

const everybody = 'holds a range of all addresses, and everybody would be trusted: whoever reached the gateway could give any address as their own. List the addresses of your proxies, as 10.0.0.0/8'

/** A range of addresses. `true`, hop counts and IPv4-mapped ranges would trust everybody or nobody. */
export const cidrRange = z.string().refine(range => {
  const [address, bits] = /^([\da-f.:]+)(?:\/(\d{1,3}))?$/i.exec(range)?.slice(1) ?? []
  const family = isIP(address ?? '')
  const most = family === 4 ? 32 : 128
  const length = Number(bits ?? most)
  if (address === undefined || family === 0 || length === 0 || length > most) return false
  return family === 4 || !isMapped(address, length)
}, { error: ({ input }) => /^[\da-f.:]+\/0+$/i.test(String(input)) ? everybody : 'holds something that is not a CIDR range: list the addresses of your proxies, as 10.0.0.0/8 (true, numbers and IPv4-mapped ranges are refused)' })

/** The address of a Redis. Its credentials are part of it, so no message repeats it. */
export const redisUrl = z.string({ error: 'is not text' }).refine(value => parseRedisUrl(value) !== undefined, {
  error: 'is not the URL of a Redis: write it as redis://host:6379, or rediss://user:password@host:6379 with TLS, percent-encoded; several hosts with commas'
})

/** The address of an outbound proxy; without a scheme it is `http:`. It may hold credentials, so no message repeats it. */
export const proxyUrl = z.union([z.string(), z.instanceof(URL)]).transform(value => /^\w+:\/\//.test(String(value)) ? String(value) : `http://${String(value)}`)
  .refine(value => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), {
    error: 'is not the address of a proxy: write it as http://proxy:3128, or http://user:password@proxy:3128, percent-encoded'
  }).transform(value => new URL(value))

/** The address of an OpenTelemetry collector, for OTLP over HTTP. */
export const collectorUrl = z.string().refine(value => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) && new URL(value).username === '', {
  error: 'is not the address of a collector that takes OTLP over HTTP: write it as http://host:4318, and credentials in OTEL_EXPORTER_OTLP_HEADERS'
}).transform(value => new URL(value))

/** Headers in OpenTelemetry's spelling. They hold credentials, so no message repeats them. */
export const headerPairs = z.string().transform((text, context) => {
  try {
    const pairs = text.split(',').filter(pair => pair.trim() !== '').map((pair): [string, string] => {
      const [, name = '', value = ''] = /^\s*([^=\s]+)\s*=(.*)$/.exec(pair) as RegExpExecArray
      return [name, decodeURIComponent(value.trim())]
    })
    return Object.fromEntries(new Headers(pairs))
  } catch {
    context.issues.push({ code: 'custom', message: 'holds something that is not a header: write them as name=value, percent-encoded, separated by commas', input: undefined })
    return z.NEVER
  }
})

/** A prefix of paths: canonical, unencoded, no slash at its end. */
export const pathPrefix = z.string().refine(prefix => plainPath.test(prefix) && isCanonicalPath(prefix), {
  error: 'holds something that is not a path prefix: write it as /name, without a slash at the end'
})

/** The id of an app as it stands in addresses. */
export const appId = z.string().regex(/^[\w.-]+$/, { error: 'holds something that is not the id of an app: copy it from the app\'s address, behind /app/' })

/** Whole seconds, at least one. */
export const seconds = wholeNumber(1, 10 * 365 * 86_400, 'a number of whole seconds, 1 or more')

/** Whole seconds up to a day: a timer of more than 24 days would fire at once. */
export const timerSeconds = wholeNumber(1, 86_400, 'a number of whole seconds from 1 to 86400')

/** Yes or no. */
export const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform(value => value === 'true')], { error: 'is neither true nor false: use one of them' })

/** A TCP port; 0 lets the system choose. */
export const portNumber = wholeNumber(0, 65535, 'a port number from 0 to 65535')

// The shortest of what systems take (macOS); a longer path would be cut or refused without a reason.
const longestSocketPath = 103

/** The path of a Unix socket. */
export const socketPath = z.string().refine(path => path.startsWith('/') && Buffer.byteLength(path) <= longestSocketPath, {
  error: `is not the path of a socket: write it from the root, as /run/gateway/http.sock, with ${longestSocketPath} bytes at most`
})

/** Permissions of a file in octal digits, as chmod takes them. */
export const fileMode = z.string({ error: 'is not a mode' }).regex(/^0?[0-7]{3}$/, { error: 'is not a mode: write it in octal digits, as 660' })

/** A part of the whole. */
export const share = z.union([z.number(), z.string().regex(/^\d*\.?\d+$/).transform(Number)], { error: 'is not a share: use a number from 0 to 1' })
  .refine(value => value >= 0 && value <= 1, { error: 'is not a share: use a number from 0 to 1' })

/** How many of something there may be. */
export const count = (most: number, least = 1) => wholeNumber(least, most, `a whole number from ${least} to ${most}`)

function wholeNumber (least: number, most: number, what: string) {
  return z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)], { error: `is not ${what}` })
    .refine(value => Number.isInteger(value) && value >= least && value <= most, { error: `is not ${what}` })
}
