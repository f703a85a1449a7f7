import { request as sendRequest, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { Identity } from '../../sandbox/identities.js'
import { noteSecrets } from '../../sandbox/secrets.js'

interface Cookie {
  name: string
  value: string
  host: string
  path: string
  secure: boolean
  httpOnly: boolean
  expiresAt: number
  setCookie: string
}

/** What a redirect said on the way. */
export interface Hop { status: number, from: string, to: string }

/** fetch() with a cookie jar that follows redirects as a browser's navigation does: across origins, with the cookies of each host. */
export interface Browser {
  /** Fetches and follows; with `redirect: 'manual'` it returns the redirect itself. */
  fetch (url: string | URL, init?: RequestInit): Promise<Response>
  /** Cookies by host and name; ports do not separate them. */
  cookies: CookieJar
  /** Redirects followed since the start, oldest first. */
  hops: Hop[]
}

const maximalRedirects = 20

/** Cookies as a browser keeps them: per host and path, without regard to ports. */
export class CookieJar {
  #cookies: Cookie[] = []
  /** Whether a cookie of this name is taken at all. */
  keeps: (name: string) => boolean = () => true

  /** Takes the cookies of an answer. */
  store (url: URL, headers: Headers): void {
    for (const line of headers.getSetCookie()) this.set(url, line)
  }

  /** Takes one `Set-Cookie` line. */
  set (url: URL, line: string): void {
    const [pair = '', ...attributes] = line.split(';').map(part => part.trim())
    const at = pair.indexOf('=')
    noteSecrets({ cookie: pair.slice(at + 1) })
    const named = new Map(attributes.map(attribute => {
      const [name = '', value = ''] = attribute.split('=', 2)
      return [name.toLowerCase(), value] as const
    }))
    const maxAge = named.get('max-age')
    const expires = named.get('expires')
    const expiresAt = maxAge ? Date.now() + Number(maxAge) * 1000 : expires ? Date.parse(expires) : Infinity
    const path = named.get('path')?.startsWith('/') ? named.get('path') ?? '/' : url.pathname.replace(/\/[^/]*$/, '') || '/'
    const cookie = {
      name: pair.slice(0, at),
      value: pair.slice(at + 1),
      host: url.hostname,
      path,
      secure: named.has('secure'),
      httpOnly: named.has('httponly'),
      expiresAt,
      setCookie: line
    }
    this.#cookies = this.#cookies.filter(({ name, host, path }) => name !== cookie.name || host !== cookie.host || path !== cookie.path)
    if (expiresAt > Date.now() && this.keeps(cookie.name)) this.#cookies.push(cookie)
  }

  /** The `Cookie` header for a request; empty when no cookie belongs to it. */
  header (url: URL): string {
    return this.#matching(url).map(({ name, value }) => `${name}=${value}`).join('; ')
  }

  /** The value of a cookie that a request to this address would carry. */
  get (url: string | URL, name: string): string | undefined {
    return this.#matching(new URL(url)).find(cookie => cookie.name === name)?.value
  }

  /** Names of the cookies that a request to this address would carry. */
  names (url: string | URL): string[] {
    return this.#matching(new URL(url)).map(({ name }) => name)
  }

  /** Drops cookies by name, or all of them. */
  clear (name?: string): void {
    this.#cookies = name === undefined ? [] : this.#cookies.filter(cookie => cookie.name !== name)
  }

  #matching (url: URL): Cookie[] {
    const trusted =
      url.protocol === 'https:' || url.protocol === 'wss:' || url.hostname === 'localhost' || url.hostname.endsWith('.localhost')
    return this.#cookies
      .filter(({ host, path, secure, expiresAt }) => {
        const below = url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`)
        return host === url.hostname && below && expiresAt > Date.now() && (!secure || trusted)
      })
      .sort((one, other) => other.path.length - one.path.length)
  }
}

/**
 * Opens a browser with an empty jar. Its requests are navigations unless `init` says otherwise.
 * A redirect to an address for which `stopAt` is true is not followed: the redirect itself is the answer.
 */
export function createBrowser ({ stopAt = () => false }: { stopAt?: (url: URL) => boolean } = {}): Browser {
  const cookies = new CookieJar()
  const hops: Hop[] = []

  const navigate = async (url: URL, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers)
    if (!headers.has('accept')) headers.set('accept', 'text/html,application/xhtml+xml,*/*;q=0.8')
    if (!headers.has('sec-fetch-mode')) headers.set('sec-fetch-mode', 'navigate')
    const cookie = cookies.header(url)
    if (cookie) headers.set('cookie', cookie)
    const response = await send(url, { ...init, headers })
    cookies.store(url, response.headers)
    return response
  }

  const follow = async (start: string | URL, init: RequestInit = {}): Promise<Response> => {
    let url = new URL(start)
    let request = init
    for (let count = 0; count <= maximalRedirects; count++) {
      const response = await navigate(url, request)
      const location = response.headers.get('location')
      if (response.status < 300 || response.status >= 400 || !location || init.redirect === 'manual') return response
      const next = new URL(location, url)
      hops.push({ status: response.status, from: url.href, to: next.href })
      if (stopAt(next)) return response
      await response.body?.cancel()
      if (response.status === 303 || (response.status <= 302 && request.method === 'POST')) request = withoutBody(request)
      url = next
    }
    throw new Error(`More than ${maximalRedirects} redirects from ${String(start)}; the last: ${url.href}`)
  }

  return { fetch: follow, cookies, hops }
}

/** One request, as it is: fetch() of Node says `Sec-Fetch-Mode: cors` of each, and would be no navigation. */
export async function send (url: URL, init: RequestInit): Promise<Response> {
  const request = new Request(url, init)
  const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer())
  const headers = { ...Object.fromEntries(request.headers), ...(body === undefined ? {} : { 'content-length': String(body.length) }) }
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    sendRequest(url, { method: request.method, headers, signal: init.signal ?? undefined }, resolve).once('error', reject).end(body)
  })
  const status = answer.statusCode as number
  const empty = request.method === 'HEAD' || status === 204 || status === 304
  if (empty) answer.resume()
  const response = new Response(empty ? null : Readable.toWeb(answer) as ReadableStream, { status, headers: pairsOf(answer.rawHeaders) })
  return Object.defineProperty(response, 'url', { value: url.href })
}

function pairsOf (rawHeaders: readonly string[]): [string, string][] {
  return rawHeaders.flatMap((name, at) => at % 2 === 0 ? [[name, rawHeaders[at + 1] as string]] : [])
}

function withoutBody (init: RequestInit): RequestInit {
  const kept = new Headers(init.headers)
  kept.delete('content-type')
  return { ...init, headers: kept, method: 'GET', body: null }
}

/** Sends the form of a page to the page's own address, and follows. */
export async function submitForm (browser: Browser, page: Response, fields: Record<string, string>): Promise<Response> {
  await page.body?.cancel()
  return await browser.fetch(page.url, { method: 'POST', body: new URLSearchParams(fields) })
}

/**
 * Goes from a gateway's /login or an authorization URL through the identity provider's login page and back.
 * Resolves with the final answer; when the identity provider knows the browser already, no password is asked.
 */
export async function login (browser: Browser, startUrl: string | URL, user: Pick<Identity, 'email' | 'password'>): Promise<Response> {
  const page = await browser.fetch(startUrl)
  if (!new URL(page.url).pathname.startsWith('/signin/')) return page
  return await submitForm(browser, page, { username: user.email, password: user.password })
}
