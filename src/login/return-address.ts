/** Where a login may end: the origins, and where to go when nothing better is asked for. */
export interface ReturnRules {
  publicUrl: URL
  /** Where the gateway's own pages begin, with a slash at the end. */
  home: string
  embedOrigins: ReadonlySet<string>
}

// What three cookies hold, sealed.
const longestAddress = 8_192

/**
 * The absolute address to go to after a login: what was asked for if the WHATWG parser, which browsers use, reads an allowed origin in
 * it, else the home page. Never an address that starts another login or logout.
 */
export function judgeReturnAddress (asked: unknown, { publicUrl, home, embedOrigins }: ReturnRules): string {
  // Browsers drop control characters and turn backslashes into slashes: what remains after that is not what was written.
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  if (typeof asked !== 'string' || asked === '' || asked.length > longestAddress || /[\u0000-\u0020\u007f\\]/.test(asked)) return home
  // A path is one that starts with a single slash; everything else must be a whole address.
  const isPath = asked.startsWith('/') && !asked.startsWith('//')
  if (!isPath && !/^https?:\/\/[^/]/i.test(asked)) return home
  const url = URL.canParse(asked, publicUrl.origin) ? new URL(asked, publicUrl.origin) : undefined
  if (url === undefined || url.username !== '' || url.password !== '' || url.href.length > longestAddress) return home
  if (url.origin === publicUrl.origin) return leadsBack(url, home) ? home : url.href
  return embedOrigins.has(url.origin) ? url.href : home
}

/** Whether the address is one that would begin or end a session once more. */
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
