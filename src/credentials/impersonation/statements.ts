import { errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import { readHostUser, type HostUser } from './host-user.js'
import { KeysUnavailableError } from './statement-keys.js'

/** Why a statement is not taken, in a word that may go to a log. */
export class StatementError extends Error {
  override name = 'StatementError'
}

export interface StatementOptions {
  issuer: string
  audience: string
  getKey: JWTVerifyGetKey
  subjectClaim: string
  groupsClaim: string
  now: () => number
}

/** A statement that was verified. */
export interface Statement {
  user: HostUser
  /** The id that it has, by which it can be told when it comes again. */
  id: string | undefined
  /** In ms since the epoch. */
  endsAt: number
}

/**
 * Verifies a signed statement of the host application who its user is (a JWT, RFC 7519). Raises StatementError and
 * KeysUnavailableError.
 */
export type VerifyStatement = (jwt: string) => Promise<Statement>

// Asymmetric ones alone: with any of the others, the public key could be used for a secret.
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const longestSeconds = 300
const skewSeconds = 60
const longestJwt = 16_384

export function createVerifyStatement ({ issuer, audience, getKey, subjectClaim, groupsClaim, now }: StatementOptions): VerifyStatement {
  return async jwt => {
    if (jwt.length > longestJwt) throw new StatementError('too long')
    const at = Math.floor(now() / 1000)
    const payload = await verify(jwt, at)
    const exp = Number(payload.exp)
    const { iat = exp - longestSeconds, jti } = payload
    if (!(exp - iat <= longestSeconds)) throw new StatementError('good for more than five minutes')
    if (iat > at + skewSeconds) throw new StatementError('of the future')
    const groups = payload[groupsClaim]
    const user = readHostUser({
      subject: payload[subjectClaim],
      name: payload.name,
      email: payload.email,
      groups: typeof groups === 'string' ? [groups] : groups
    })
    if (user === undefined) throw new StatementError('without a user that could be read')
    return { user, id: typeof jti === 'string' && jti !== '' ? `${issuer} ${jti}` : undefined, endsAt: (exp + skewSeconds) * 1000 }
  }

  async function verify (jwt: string, at: number): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(jwt, getKey, {
        issuer, audience, algorithms, clockTolerance: skewSeconds, currentDate: new Date(at * 1000), requiredClaims: ['exp', subjectClaim]
      })
      return payload
    } catch (error) {
      if (error instanceof KeysUnavailableError) throw error
      // What else there is comes from keys that are weak or broken.
      throw new StatementError(error instanceof errors.JOSEError ? error.code : 'by a key that is of no use', { cause: error })
    }
  }
}
