import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify, type CryptoKey, type JWK, type JWSHeaderParameters } from 'jose'
import { LRUCache } from 'lru-cache'
import { hash } from 'node:crypto'
import { atMost } from '../lru.js'

/** The request that a proof must be for. */
export interface ProofSubject {
  method: string
  /** The origin of the page, as the browser names it. */
  origin: string
  /** The sealed session that is sent with the proof. */
  sealed: string
  now: number
}

/** A verified proof: the thumbprint of the key that signed it, and an id, which is accepted once. */
export interface Proof { thumbprint: string, id: string }

// The clock of the page may be 5 seconds ahead. A proof is valid for 60 seconds: jose adds the tolerance to the age.
const toleranceSeconds = 5
const mostAgeSeconds = 55

// A page signs all its calls with one key, and importing a key costs more than verifying a signature.
const knownKeys = new LRUCache<string, { key: CryptoKey, thumbprint: string }>(atMost(4_096))

/** How long the id of a proof must be remembered: from the first moment at which the proof is accepted to the last. */
export const proofMs = (mostAgeSeconds + 2 * toleranceSeconds + 1) * 1000

/**
 * Verifies a proof of possession: a JWT signed with ES256 whose header holds the public key. Its claims are the method
 * (`htm`), the origin and a hash of the session (`ath`), as in DPoP (RFC 9449, sections 4.2 and 4.3). The path is not
 * one of them: the auth module of Qlik's client, which asks for the proof, does not learn it. Rejects if the proof is
 * not valid.
 */
export async function verifyProof (proof: string, { method, origin, sealed, now }: ProofSubject): Promise<Proof> {
  const { payload, protectedHeader } = await jwtVerify(proof, async header => (await readKey(header)).key, {
    algorithms: ['ES256'],
    typ: 'qlik-gateway-proof+jwt',
    maxTokenAge: mostAgeSeconds,
    clockTolerance: toleranceSeconds,
    currentDate: new Date(now)
  })
  const { htm, origin: page, ath, jti } = payload
  const isForRequest = htm === method && page === origin && ath === hash('sha256', sealed, 'base64url')
  if (!isForRequest) throw new Error('The proof is about another request.')
  if (typeof jti !== 'string' || !/^[\w-]{16,64}$/.test(jti)) throw new Error('The proof has no name.')
  const { thumbprint } = await readKey(protectedHeader)
  return { thumbprint, id: `${thumbprint}.${jti}` }
}

/** Reads the public key in a header (RFC 7515, section 4.1.3). Rejects if there is none, or if it is a private one. */
async function readKey (header: JWSHeaderParameters) {
  // A hash, because a header may be 30 KB long.
  const name = hash('sha256', JSON.stringify(header.jwk ?? null), 'base64url')
  const known = knownKeys.get(name)
  if (known !== undefined) return known
  const read = { key: await EmbeddedJWK(header), thumbprint: await calculateJwkThumbprint(header.jwk as JWK) }
  knownKeys.set(name, read)
  return read
}

/** The thumbprint (RFC 7638) of a public key for ES256; undefined for anything else. */
export async function thumbprintOf (key: unknown): Promise<string | undefined> {
  const { kty, crv, x, y } = Object(key) as Record<string, unknown>
  if (kty !== 'EC' || crv !== 'P-256' || !isCoordinate(x) || !isCoordinate(y)) return undefined
  return await calculateJwkThumbprint({ kty, crv, x, y })
}

function isCoordinate (value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{43}$/.test(value)
}
