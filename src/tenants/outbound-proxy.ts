import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { BlockList, isIP, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { isLoopback } from '../settings/addresses.js'
import { limitTime } from '../time-limit.js'

/** The outbound proxies of the network, by the environment variables that many programs use. */
export interface OutboundProxies {
  httpsProxy?: URL | undefined
  httpProxy?: URL | undefined
  /**
   * Hosts that are reached directly: names (including their subdomains), addresses and ranges, each with or without a
   * port, or `*` for all.
   */
  noProxy?: readonly string[] | undefined
}

/**
 * Returns the proxy for an address. It is undefined for an address that is reached directly, as hosts of this machine
 * always are.
 */
export function proxyFor (url: URL, { httpsProxy, httpProxy, noProxy = [] }: OutboundProxies): URL | undefined {
  const proxy = url.protocol === 'https:' ? httpsProxy : httpProxy
  return proxy === undefined || isLoopback(url.hostname) || noProxy.some(rule => excepts(rule, url)) ? undefined : proxy
}

function excepts (rule: string, url: URL): boolean {
  if (rule === '*') return true
  const host = bareHost(url)
  const [, name = '', rulePort] = /^(\[.+\]|[^:]+|.*:.*:.*)(?::(\d+))?$/.exec(rule.toLowerCase()) ?? []
  if (rulePort !== undefined && rulePort !== portOf(url)) return false
  const bare = name.replace(/^\[|\]$/g, '').replace(/^\*?\./, '')
  return isIP(host) === 0 ? host === bare || host.endsWith(`.${bare}`) : isWithin(host, bare)
}

function isWithin (address: string, range: string): boolean {
  const [start = '', bits] = range.split('/')
  const length = Number(bits ?? 128)
  if (isIP(start) !== isIP(address) || !Number.isInteger(length)) return false
  const family = isIP(start) === 4 ? 'ipv4' : 'ipv6'
  const list = new BlockList()
  list.addSubnet(start, Math.min(length, family === 'ipv4' ? 32 : 128), family)
  return list.check(address, family)
}

/**
 * Opens a tunnel through a proxy to the host of an address (CONNECT, RFC 9110, section 9.3.6). Rejects when the proxy
 * refuses or does not answer in time.
 */
export async function openTunnel (proxy: URL, url: URL, timeoutMs = 10_000): Promise<Socket> {
  const { username, password } = proxy
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  const target = `${url.hostname}:${portOf(url)}`
  return await new Promise((resolve, reject) => {
    const request = (proxy.protocol === 'https:' ? httpsRequest : httpRequest)({
      hostname: bareHost(proxy),
      port: proxy.port,
      // Node would take it from the Host header, which names the tenant.
      servername: serverName(proxy),
      method: 'CONNECT',
      path: target,
      headers: {
        host: target,
        ...username === '' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }
      },
      agent: false
    })
    const stopWaiting = limitTime(timeoutMs, () => { request.destroy(new Error(`no answer within ${timeoutMs} ms`)) })
    request.once('close', stopWaiting)
    request.once('connect', ({ statusCode }: IncomingMessage, socket: Socket) => {
      stopWaiting()
      if (statusCode === 200) {
        resolve(socket)
        return
      }
      socket.destroy()
      reject(new Error(`the outbound proxy refused the connection (${statusCode})`))
    })
    request.once('error', (cause: NodeJS.ErrnoException) => {
      reject(new Error(`the outbound proxy cannot be used (${cause.code ?? cause.message})`, { cause }))
    })
    request.end()
  })
}

/** Returns the host of a URL for a connection: without the brackets that a URL puts around an IPv6 address. */
export function bareHost ({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}

/** Returns the name to ask a server for in TLS: that of the host, none for an address (RFC 6066, section 3). */
export function serverName (url: URL): string {
  return isIP(bareHost(url)) === 0 ? url.hostname : ''
}

/** Returns the port of a URL, by default that of its scheme. */
export function portOf ({ port, protocol }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80')
}

/** Returns an agent for Node's own HTTP client, or undefined for an address that is reached directly. */
export function createProxyAgent (url: URL, proxies: OutboundProxies): HttpAgent | undefined {
  const proxy = proxyFor(url, proxies)
  if (proxy === undefined) return undefined
  const secure = url.protocol === 'https:'
  const agent = new (secure ? HttpsAgent : HttpAgent)()
  agent.createConnection = (_options, done) => {
    openTunnel(proxy, url).then(socket => {
      // Certificates are always verified.
      done?.(null, secure ? tlsConnect({ socket, host: bareHost(url), servername: serverName(url), rejectUnauthorized: true }) : socket)
    }, (error: Error) => { done?.(error, undefined as never) })
    return undefined
  }
  return agent
}
