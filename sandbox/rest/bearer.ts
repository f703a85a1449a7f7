import type { IncomingMessage } from 'node:http'
import { jwtVerify } from 'jose'
import { administrator, type Administrators } from '../oauth/administrators.js'
import { audience, type AuthorizationServer } from '../oauth/authorization-server.js'
import type { ClientRegistry } from '../oauth/clients.js'
import type { TokenLedger } from '../oauth/ledger.js'
import { refuseOrigin } from '../oauth/token-errors.js'
import type { User, UserDirectory } from '../oauth/users.js'
import { Refusal } from '../front/errors.js'

/** What a bearer token is checked against. */
export interface BearerOptions {
  server: AuthorizationServer
  ledger: TokenLedger
  users: UserDirectory
  clients: ClientRegistry
  administrators: Administrators
}

/**
 * Finds the user of a request or upgrade. Throws a Refusal: 401 because of the token, 403 because of the user or the
 * Origin header.
 */
export type FindCaller = (req: IncomingMessage) => Promise<User>

/** Makes the check for API and engine: signature, audience, expiry, revocation, user and Origin. */
export function createBearerCheck ({ server, ledger, users, clients, administrators }: BearerOptions): FindCaller {
  return async req => {
    const [scheme, token] = (req.headers.authorization ?? '').split(' ')
    if (scheme?.toLowerCase() !== 'bearer' || !token) throw unauthorized('No bearer token was sent.')
    if (administrators.has(token)) return administrator
    // The claims have a resolution of one second, which can shorten a token's lifetime by up to a second. The ledger
    // knows the exact time.
    const { payload } = await jwtVerify(token, server.publicKey, {
      audience,
      issuer: server.provider.issuer,
      algorithms: ['ES384'],
      clockTolerance: 1
    }).catch((error: unknown) => {
      throw unauthorized(error instanceof Error ? error.message : 'The token is no token.')
    })
    const record = ledger.accessToken(payload.jti ?? '')
    if (!record || !clients.get(record.clientId)) throw unauthorized('The token has expired or was revoked, or its client is gone.')
    const user = users.get(record.userId)
    if (!user) throw unauthorized('The user of the token is gone.')
    if (users.isDisabled(user.id)) throw new Refusal(403, 'AUTHZ-2', 'Forbidden', 'The user is disabled.')
    const { origin } = req.headers
    if (origin !== undefined && !clients.get(record.clientId)?.allowedOrigins.includes(origin)) throw refuseOrigin(origin)
    return user
  }
}

function unauthorized (detail: string): Refusal {
  return new Refusal(401, 'AUTHN-1', 'Unauthorized', detail)
}
