import type { FastifyInstance, FastifyServerFactory } from 'fastify'
import { chmod, stat, unlink } from 'node:fs/promises'
import type { ServerOptions } from 'node:http'
import { createServer, Server } from 'node:https'
import { BlockList, connect, isIP } from 'node:net'
import { followCertificate, secureContextOf, type Certificate } from './certificate.js'
import type { ServerConfig } from './settings/server-schema.js'
import type { Signals } from './signals.js'

const handshakeTimeoutMs = 10_000

/** A factory of https servers. Fastify sets the timers of http servers only, so `options` brings them. */
export function createSecureServer (certificate: Certificate, options: ServerOptions): FastifyServerFactory {
  return handler => createServer({ ...options, ...secureContextOf(certificate), handshakeTimeout: handshakeTimeoutMs }, handler)
}

/** Has a server of https follow the files of its certificate until it closes. */
export function renewCertificate (app: FastifyInstance, certificate: Certificate, signals: Signals): void {
  const { server, log } = app
  const take = (renewed: Certificate) => { if (server instanceof Server) server.setSecureContext(secureContextOf(renewed)) }
  const stop = followCertificate({ certificate, take, log, signals })
  app.addHook('onClose', async () => { stop() })
}

/** Listens at the address or the Unix socket of the settings. Rejects with what is wrong and what to do. */
export async function listen (app: FastifyInstance, { host, port, unixSocket, unixSocketMode, tlsCertFile }: ServerConfig): Promise<void> {
  const listenTextResolver = (address: string) => {
    // Fastify says http of every server that it did not make itself.
    return `Server listening at ${tlsCertFile === undefined ? address : address.replace(/^http:/, 'https:')}`
  }
  if (unixSocket === undefined) {
    await app.listen({ host, port, listenTextResolver })
    return
  }
  await removeLeftOver(unixSocket)
  try {
    await app.listen({ path: unixSocket, listenTextResolver })
  } catch (error) {
    throw new Error(reasonOf(error as NodeJS.ErrnoException), { cause: error })
  }
  await chmod(unixSocket, unixSocketMode)
}

function reasonOf ({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return 'The Unix socket is in use by another process, or is no socket: stop that process, or name another path'
  // libuv reports a folder that does not exist in the same way.
  if (code === 'EACCES') return 'The Unix socket cannot be made: its folder does not exist, or the gateway may not write there'
  return `The Unix socket cannot be made: ${message}`
}

/** Removes the socket of a process that was killed. Nobody answers there, and nobody could listen there again. */
async function removeLeftOver (path: string): Promise<void> {
  const isSocket = await stat(path).then(found => found.isSocket(), () => false)
  if (isSocket && !await isAnswered(path)) await unlink(path)
}

async function isAnswered (path: string): Promise<boolean> {
  return await new Promise(resolve => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', ({ code }: NodeJS.ErrnoException) => { resolve(code !== 'ECONNREFUSED') })
  })
}

type TrustProxy = string[] | false | ((address: string | undefined) => boolean)

/**
 * Whose `X-Forwarded-For` is trusted, as Fastify's option `trustProxy`. A client of the Unix socket has no address. It
 * is trusted, since the mode of the socket decides who can connect.
 */
export function trustedProxiesOf ({ trustedProxies, unixSocket }: ServerConfig): TrustProxy {
  if (unixSocket === undefined) return trustedProxies.length > 0 ? trustedProxies : false
  const ranges = new BlockList()
  for (const range of trustedProxies) {
    const [address = '', bits = isIP(address) === 4 ? 32 : 128] = range.split('/')
    ranges.addSubnet(address, Number(bits), familyOf(address))
  }
  return address => address === undefined || ranges.check(address, familyOf(address))
}

function familyOf (address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6'
}

/** The URL of a listener, with an IPv6 address in brackets. */
export function addressOf (host: string, port: number, scheme = 'http'): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}
