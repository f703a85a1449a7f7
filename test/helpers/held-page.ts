import { calculateJwkThumbprint, exportJWK, SignJWT, type JWK } from 'jose'
import { createHash, randomUUID } from 'node:crypto'
import { createKeyPair } from '../../sandbox/key-pair.js'
import { noteSecrets } from '../../sandbox/secrets.js'
import { sealHeld } from '../../src/session/held.js'
import type { Session } from '../../src/session/record.js'
import { sealFor, type SessionTenant } from './session-cookie.js'

/** What a test changes in a proof: its claims, its header, its key. */
export interface ProofChanges {
  claims?: Record<string, unknown>
  header?: Record<string, unknown>
  by?: HeldPage
}

/** A page that holds its session itself, as embed.js does it. */
export interface HeldPage {
  origin: string
  /** The public key. */
  key: JWK
  sign: (header: Record<string, unknown>, claims: Record<string, unknown>) => Promise<string>
  /** The headers that bring a session, with a new proof. */
  prove: (sealed: string, method?: string, changes?: ProofChanges) => Promise<Record<string, string>>
  /** A session in the form that this page would have got it in. */
  hold: (session: Session, tenant: SessionTenant) => Promise<string>
}

export async function openHeldPage (origin: string, now: () => number = Date.now): Promise<HeldPage> {
  const { privateKey, publicKey } = createKeyPair('P-256')
  const { kty, crv, x, y } = await exportJWK(publicKey)
  const key = { kty, crv, x, y } as JWK
  const page: HeldPage = {
    origin,
    key,
    sign: async (header, claims) =>
      await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'qlik-gateway-proof+jwt', jwk: key, ...header }).sign(privateKey),
    async prove (sealed, method = 'GET', { claims = {}, header = {}, by = page } = {}) {
      const iat = Math.floor(now() / 1000)
      const ath = createHash('sha256').update(sealed).digest('base64url')
      const proof = await by.sign(header, { htm: method, origin, ath, jti: randomUUID(), iat, ...claims })
      noteSecrets({ cookie: sealed, held_proof: proof })
      return { origin, 'qlik-gateway-session': sealed, 'qlik-gateway-proof': proof }
    },
    hold: async (session, tenant) =>
      sealHeld({ seal: await sealFor(tenant) }, { session, thumbprint: await calculateJwkThumbprint(key), origin })
  }
  return page
}
