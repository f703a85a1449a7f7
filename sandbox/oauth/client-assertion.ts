import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK, type JWTPayload } from 'jose'
import { unauthorized } from './token-errors.js'
import type { RegisteredClient } from './clients.js'

/** The only assertion type (RFC 7523, section 2.2). */
export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const maximalSeconds = 300
const skewSeconds = 60
const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

/** Verifies assertions of private_key_jwt. Each can be used once. */
export class AssertionCheck {
  readonly #audience: string
  /** Expiry times of used assertions, in seconds, by client and jti. */
  readonly #used = new Map<string, number>()

  /** `audience` is the URL of the token endpoint, which assertions must name. */
  constructor (audience: string) {
    this.#audience = audience
  }

  /** Throws a 401 unless the assertion is valid, from this client and used for the first time. */
  async verify (assertion: string, client: RegisteredClient): Promise<void> {
    const { jti, exp = 0 } = this.#judgeClaims(await verifySignature(assertion, client), client)
    const key = `${client.clientId} ${jti}`
    if (this.#used.has(key)) throw unauthorized('The assertion was used before: each takes a new jti.')
    const now = Date.now() / 1000
    for (const [used, endsAt] of this.#used) if (endsAt <= now) this.#used.delete(used)
    this.#used.set(key, exp)
  }

  #judgeClaims (claims: JWTPayload, { clientId }: RegisteredClient): JWTPayload {
    const { iss, sub, aud, jti, iat, exp } = claims
    const now = Date.now() / 1000
    if (iss !== clientId || sub !== clientId) throw unauthorized('iss and sub must be the client id.')
    if (aud !== this.#audience) throw unauthorized(`aud must be ${this.#audience}.`)
    if (jti === undefined || !uuid.test(jti)) throw unauthorized('jti must be a UUID.')
    if (iat === undefined || iat > now + skewSeconds) throw unauthorized('iat is missing, or in the future.')
    if (exp === undefined || exp <= now || exp - iat > maximalSeconds) {
      throw unauthorized(`exp must be in the future, at most ${maximalSeconds} s after iat.`)
    }
    return claims
  }
}

// The registered key determines the algorithm, and the header must match it.
async function verifySignature (assertion: string, { publicKeys }: RegisteredClient): Promise<JWTPayload> {
  try {
    const { kid, alg } = decodeProtectedHeader(assertion)
    const key = publicKeys.find(candidate => candidate.kid === kid)
    if (key === undefined || key.alg !== alg) throw new Error('kid and alg must name a registered key.')
    await compactVerify(assertion, await importJWK(key, key.alg), { algorithms: [key.alg] })
    return decodeJwt(assertion)
  } catch (error) {
    throw unauthorized(error instanceof Error ? error.message : 'The assertion is no JWT.')
  }
}
