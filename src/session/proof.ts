import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify, type JWK } from 'jose'
import { hash } from 'node:crypto'

/** What a proof has to be about. */
export interface ProofSubject {
  method: string
  /** The origin of the page, as the browser names it. */
  origin: string
  /** The sealed session that is sent with the proof. */
  sealed: string
  now: number
}

/** What a proof tells: whose key signed it, and its own name, which may come once. */
export interface Proof { thumbprint: string, id: string }

// A proof may be from 5 seconds ahead of this clock and is good for 60 in all; jose adds the tolerance to the age.
const toleranceSeconds = 5
const mostAgeSeconds = 55

/** For how long a proof has to be known again: from the earliest moment at which it is accepted to the last. */
export const proofMs = (mostAgeSeconds + 2 * toleranceSeconds + 1) * 1000

/**
 * Verifies a proof of possession: a JWT of ES256 whose header holds the public key, over method (`htm`), origin and a hash of the session
 * (`ath`), as DPoP does (RFC 9449, sections 4.2 and 4.3). Paths are not part of it, because Qlik's client does not tell them. Rejects whatever
 * is none.
 */
export async function verifyProof (proof: string, { method, origin, sealed, now }: ProofSubject): Promise<Proof> {
  const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
    algorithms: ['ES256'], typ: 'qlik-gateway-proof+jwt', maxTokenAge: mostAgeSeconds, clockTolerance: toleranceSeconds, currentDate: new Date(now)
  })
  const { htm, origin: page, ath, jti } = payload
  if (htm !== method || page !== origin || ath !== hash('sha256', sealed, 'base64url')) throw new Error('The proof is about another request.')
  if (typeof jti !== 'string' || !/^[\w-]{16,64}$/.test(jti)) throw new Error('The proof has no name.')
  // It verified the signature, so it is there.
  const thumbprint = await calculateJwkThumbprint(protectedHeader.jwk as JWK)
  return { thumbprint, id: `${thumbprint}.${jti}` }
}

/** The thumbprint (RFC 7638) of a public key of ES256 that a page offers; undefined for anything else. */
export async function thumbprintOf (key: unknown): Promise<string | undefined> {
  const { kty, crv, x, y } = Object(key) as Record<string, unknown>
  if (kty !== 'EC' || crv !== 'P-256' || !isCoordinate(x) || !isCoordinate(y)) return undefined
  return await calculateJwkThumbprint({ kty, crv, x, y })
}

function isCoordinate (value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{43}$/.test(value)
}
