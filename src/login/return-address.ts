import { parseUrl } from '../url.js'

/** Where a login may lead: the allowed origins, and the page to use instead of an address that is not allowed. */
export interface ReturnRules {
  publicUrl: URL
  /** Where the gateway's own pages begin, with a trailing slash. */
  home: string
  embedOrigins: ReadonlySet<string>
}

// What fits into three sealed cookies.
const longestAddress = 8_192

/**
 * Returns the absolute address to go to after a login: the requested one, if the WHATWG URL parser, which browsers use,
 * finds an allowed origin in it, otherwise the home page. It is never an address that starts another login or logout.
 */
export function judgeReturnAddress (asked: unknown, { publicUrl, home, embedOrigins }: ReturnRules): string {
  // Browsers remove control characters and turn backslashes into slashes, so they would read another address than the
  // one that was checked.
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  if (typeof asked !== 'string' || asked === '' || asked.length > longestAddress || /[\u0000-\u0020\u007f\\]/.test(asked)) return home
  // A path starts with a single slash. Everything else must be an absolute URL.
  const isPath = asked.startsWith('/') && !asked.startsWith('//')
  if (!isPath && !/^https?:\/\/[^/]/i.test(asked)) return home
  const url = parseUrl(asked, publicUrl.origin)
  if (url === undefined || url.username !== '' || url.password !== '' || url.href.length > longestAddress) return home
  if (url.origin === publicUrl.origin) return leadsBack(url, home) ? home : url.href
  return embedOrigins.has(url.origin) ? url.href : home
}

/** Whether the address would begin or end a session again. */
function leadsBack (url: URL, home: string): boolean {
  const below = new URL(home).pathname
  let path = url.pathname
  try {
    path = decodeURIComponent(path)
  } catch {
    return true
  }
  return [`${below}login`, `${below}logout`].some(own => path === own || path.startsWith(`${own}/`))
}
