import { BlockList, isIP, isIPv4 } from 'node:net'
import { z } from 'zod'
import { isCanonicalPath } from '../admission/target.js'
import { parseRedisUrl } from '../replicas/redis-servers.js'
import { parseUrl } from '../url.js'
import { list, refuse } from './values.js'

// The kinds of addresses that settings have: URLs, origins, ranges and paths.

/** A URL of https, or of http on a loopback host, without credentials, query and fragment. */
export const webUrl = z.union([z.string(), z.instanceof(URL)], { error: 'is required: set it to a URL' }).transform((value, context) => {
  const url = parseUrl(String(value))
  const problem = url === undefined ? 'is not a URL' : problemOf(url, String(value))
  if (problem === undefined) return url as URL
  return refuse(context, `${problem}: write it as https://host, http is for loopback hosts only`)
})

function problemOf (url: URL, text: string): string | undefined {
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) return 'is not https'
  // The URL standard allows `*` and `;` in a host. In frame-ancestors they would be a wildcard and the end of the directive.
  if (!/^(?:[\w.-]+|\[[\da-f:]+\])$/.test(url.hostname)) return 'holds a host name that is none'
  if (url.username !== '' || url.password !== '') return 'holds credentials'
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(text)) return 'holds a query or a fragment'
  return undefined
}

/** Whether a host name is this machine's own. */
export function isLoopback (hostname: string): boolean {
  if (hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]') return true
  return isIPv4(hostname) && hostname.startsWith('127.')
}

/** A URL without a path. */
export const originUrl = webUrl.refine(url => url.pathname === '/', { error: 'holds a path: give the origin only, as https://host' })

// The web views of mobile apps send such origins: a scheme of the app's own and a host. Schemes that browsers know are read as URLs.
const appOrigin = /^(?!https?:|wss?:|file:|data:|blob:|about:|javascript:)[a-z][a-z\d+.-]*:\/\/[a-z\d](?:[a-z\d.-]*[a-z\d])?$/

const noWildcard = 'holds a wildcard: list each origin, since wildcards are not supported here ' +
  '({frameAncestors} takes them, for frames alone)'

/** The origin of a page, as browsers write it in `Origin`: of a web site, or of an app (`capacitor://localhost`). */
export const pageOrigin = z.unknown().transform((value, context) => {
  const text = String(value)
  if (appOrigin.test(text)) return text
  const url = originUrl.safeParse(value)
  if (url.success) return url.data.origin
  return refuse(context, text.includes('*') ? noWildcard : String(url.error.issues[0]?.message))
})

const frameSource = /^[a-z][a-z\d+.-]*:\/\/(?:\*\.)?(?:[a-z\d](?:[a-z\d.-]*[a-z\d])?|\[[\da-f:]+\])(?::(?:\d{1,5}|\*))?$/i
const nobody = "'none'"

/** One source of `frame-ancestors` (CSP Level 3, section 6.4.2): an origin, whose host may begin with `*.`, or 'self' or 'none'. */
const frameAncestor = z.string().refine(source => {
  if (source === "'self'" || source === nobody) return true
  const [, scheme, host] = /^(\w+):\/\/(.*?)(?::[\d*]+)?$/.exec(source) ?? []
  return frameSource.test(source) && (scheme !== 'http' || isLoopback(String(host)))
}, {
  error: 'holds something that names no page: write https://host or https://*.host, ' +
    "or 'self' or 'none'; http is for loopback hosts only"
})

/** The sources of `frame-ancestors`. */
export const frameAncestorList = list(frameAncestor).refine(sources => sources.length === 1 || !sources.includes(nobody), {
  error: "holds 'none' beside others: keep one or the other"
})

// The router would read other characters as parameters, and some servers encode them where others do not.
const plainPath = /^(?:\/[\w.~-]+)+$/

/** A URL whose path is where the gateway is mounted. A slash at its end is dropped. */
export const mountUrl = webUrl.transform((url, context) => {
  const mounted = new URL(url.href)
  mounted.pathname = url.pathname.replace(/\/$/, '')
  if (url.pathname === '/' || plainPath.test(mounted.pathname)) return mounted
  return refuse(context, 'has a path with empty segments or characters besides letters, digits, - . _ and ~: ' +
    'write it plainly, as https://host/path')
})

/** The address of the callback that several tenants share. */
export const callbackAddress = webUrl.refine(({ pathname }) => /^(?:\/[\w.~-]+)*\/login\/callback$/.test(pathname), {
  error: 'does not end in /login/callback: write it as https://host/login/callback'
})

/** A prefix of paths: canonical, unencoded, no slash at its end. */
export const pathPrefix = z.string().refine(prefix => plainPath.test(prefix) && isCanonicalPath(prefix), {
  error: 'holds something that is not a path prefix: write it as /name, without a slash at the end'
})

const mappedAddresses = new BlockList()
mappedAddresses.addSubnet('::ffff:0:0', 96, 'ipv6')

/** Whether a range of IPv6 overlaps with the IPv4-mapped block, in any spelling. Node would trust proxies of IPv4 by it. */
function isMapped (address: string, bits: number): boolean {
  const range = new BlockList()
  range.addSubnet(address, bits, 'ipv6')
  return mappedAddresses.check(address, 'ipv6') || range.check('::ffff:0:0', 'ipv6')
}

const everybody = 'holds a range of all addresses, and everybody would be trusted: whoever reached the gateway could give ' +
  'any address as their own. List the addresses of your proxies, as 10.0.0.0/8'
const noRange = 'holds something that is not a CIDR range: list the addresses of your proxies, as 10.0.0.0/8 ' +
  '(true, numbers and IPv4-mapped ranges are refused)'

/** A range of addresses. `true`, hop counts and IPv4-mapped ranges would trust everybody or nobody. */
export const cidrRange = z.string().refine(range => {
  const [address, bits] = /^([\da-f.:]+)(?:\/(\d{1,3}))?$/i.exec(range)?.slice(1) ?? []
  const family = isIP(address ?? '')
  const most = family === 4 ? 32 : 128
  const length = Number(bits ?? most)
  if (address === undefined || family === 0 || length === 0 || length > most) return false
  return family === 4 || !isMapped(address, length)
}, { error: ({ input }) => /^[\da-f.:]+\/0+$/i.test(String(input)) ? everybody : noRange })

/** The address of a Redis. */
export const redisUrl = z.string({ error: 'is not text' }).refine(value => parseRedisUrl(value) !== undefined, {
  error: 'is not the URL of a Redis: write it as redis://host:6379, or rediss://user:password@host:6379 with TLS, ' +
    'percent-encoded; several hosts with commas'
})

const noProxyAddress = {
  error: 'is not the address of a proxy: write it as http://proxy:3128, or http://user:password@proxy:3128, percent-encoded'
}

/** The address of an outbound proxy; without a scheme it is `http:`. */
export const proxyUrl = z.union([z.string(), z.instanceof(URL)], noProxyAddress)
  .transform(value => /^\w+:\/\//.test(String(value)) ? String(value) : `http://${String(value)}`)
  .refine(isHttpUrl, noProxyAddress).transform(value => new URL(value))

/** The address of an OpenTelemetry collector, for OTLP over HTTP. */
export const collectorUrl = z.string().refine(value => isHttpUrl(value) && new URL(value).username === '', {
  error: 'is not the address of a collector that takes OTLP over HTTP: write it as http://host:4318, ' +
    'and credentials in {otlpHeaders}'
}).transform(value => new URL(value))

const noPage = { error: 'is not the address of a page: write it as https://host/path' }

/** The address of a page, anywhere. */
export const pageUrl = z.union([z.string(), z.instanceof(URL)], noPage).transform(String)
  .refine(isHttpUrl, noPage).transform(value => new URL(value))

function isHttpUrl (value: string): boolean {
  return /^https?:$/.test(String(parseUrl(value)?.protocol))
}

// The shortest limit among systems (macOS). A longer path would be cut, or refused without a reason.
const longestSocketPath = 103

/** The path of a Unix socket. */
export const socketPath = z.string().refine(path => path.startsWith('/') && Buffer.byteLength(path) <= longestSocketPath, {
  error: `is not the path of a socket: write it from the root, as /run/gateway/http.sock, with ${longestSocketPath} bytes at most`
})
