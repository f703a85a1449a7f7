import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import { BlockList } from 'node:net'
import { GatewayError } from '../../errors.js'
import type { Identify } from '../../settings/impersonation-options.js'
import { atMost } from '../../lru.js'
import { readHostUser, type HostUser } from './host-user.js'
import { KeysUnavailableError } from './statement-keys.js'
import { StatementError, type Statement, type VerifyStatement } from './statements.js'

/** Who the user of a request is, and the session that the statement begins, where it begins the same one whenever it comes. */
export interface Identified {
  user: HostUser
  sessionId?: string
}

/** Who the user of a request is; undefined for nobody. Raises GW-STATEMENT and GW-IDENTITY-KEYS. */
export type IdentifyRequest = (request: FastifyRequest) => Promise<Identified | undefined>

const keysRetrySeconds = 5
const mostRemembered = 10_000
const sessionIdLength = 22

/** By the session of the host application. */
export function identifyByHost (identify: Identify): IdentifyRequest {
  return async request => {
    const said = await identify(request)
    if (said === undefined || said === null) return undefined
    const user = readHostUser(said)
    if (user !== undefined) return { user }
    throw new GatewayError('GW-INTERNAL', { cause: new TypeError('identify() returned neither nothing nor a user with a subject') })
  }
}

/** By a JWT that an ingress adds to each request. It may come as often as it is good, but begins one session only. */
export function identifyByHeader (header: string, proxies: readonly string[], verify: VerifyStatement, now: () => number): IdentifyRequest {
  const listed = new BlockList()
  for (const range of proxies) {
    const [address = '', bits] = range.split('/')
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    listed.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  const verified = new LRUCache<string, Statement>(atMost(mostRemembered))

  /** A Unix socket has no addresses, and permissions of its own. A connection that has just broken has none either, and is nobody's. */
  const isListed = (remoteAddress: string | undefined, { server }: FastifyInstance) => remoteAddress === undefined
    ? typeof server.address() === 'string'
    : listed.check(remoteAddress, remoteAddress.includes(':') ? 'ipv6' : 'ipv4')

  return async ({ headers, raw, log, server }) => {
    const jwt = headers[header]
    if (jwt === undefined) return undefined
    const { remoteAddress } = raw.socket
    if (!isListed(remoteAddress, server)) {
      log.warn({ remoteAddress }, 'a statement of the user came from a peer that is not listed')
      throw new GatewayError('GW-STATEMENT')
    }
    const whole = hash(String(jwt))
    const known = verified.get(whole)
    const statement = known !== undefined && now() < known.endsAt ? known : await take(verify, jwt, log)
    verified.set(whole, statement)
    // Of what is signed alone: who has a statement can spell its signature in more ways, and each would begin a session of its own.
    return { user: statement.user, sessionId: hash(String(jwt).replace(/\.[^.]*$/, '')).slice(0, sessionIdLength) }
  }
}

function hash (text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

/** Verifies a statement, and says in the log what is wrong with it. Raises GW-STATEMENT and GW-IDENTITY-KEYS. */
export async function take (verify: VerifyStatement, jwt: unknown, log: FastifyRequest['log']): Promise<Statement> {
  try {
    if (typeof jwt !== 'string') throw new StatementError('not there')
    return await verify(jwt)
  } catch (cause) {
    if (cause instanceof KeysUnavailableError) throw new GatewayError('GW-IDENTITY-KEYS', { cause, retryAfterSeconds: keysRetrySeconds })
    log.warn({ reason: (cause as StatementError).message }, 'a statement of the user is refused')
    throw new GatewayError('GW-STATEMENT', { cause })
  }
}
