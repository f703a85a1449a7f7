import { createHash, randomBytes, sign } from 'node:crypto'
import { createKeyPair } from '../sandbox/key-pair.js'
import { cookiesOf } from './provider.js'

/** A page that holds its session without cookies, as /gateway/embed.js does if a browser keeps none. */
export interface HeldPage {
  /** The header lines of all its requests. */
  session: string
  /** Makes the header line of one GET, because each needs its own proof. */
  prove: () => string
}

/** Signs in at a gateway for a page of `site`. */
export async function openHeldPage (gateway: string, site: string): Promise<HeldPage> {
  const verifier = randomBytes(32).toString('base64url')
  const asked = new URLSearchParams({ returnto: `${site}/`, handover: hash(verifier) }).toString()
  const begin = await fetch(`${gateway}/login?${asked}`, { redirect: 'manual', headers: { accept: 'text/html' } })
  const state = new URL(begin.headers.get('location') ?? site).searchParams.get('state') ?? ''
  const given = new URLSearchParams({ code: 'a-code', state }).toString()
  const end = await fetch(`${gateway}/login/callback?${given}`, { headers: { accept: 'text/html', cookie: cookiesOf(begin) } })
  const [, code] = /qlik-gateway-code=([\w.-]+)/.exec(await end.text()) ?? []
  const { privateKey, publicKey } = createKeyPair('P-256')
  const key = publicKey.export({ format: 'jwk' })
  const answer = await fetch(`${gateway}/gateway/handover`, {
    method: 'POST',
    headers: { origin: site, 'content-type': 'application/json' },
    body: JSON.stringify({ code, verifier, key })
  })
  if (answer.status !== 200) throw new Error(`The hand-over to a page of ${site} ended with ${answer.status}: ${await answer.text()}`)
  const { session } = await answer.json() as { session: string }

  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const header = encode({ alg: 'ES256', typ: 'qlik-gateway-proof+jwt', jwk: key })
  const ath = hash(session)
  return {
    session: `Origin: ${site}\r\nqlik-gateway-session: ${session}\r\n`,
    prove () {
      const jti = randomBytes(16).toString('base64url')
      const text = `${header}.${encode({ htm: 'GET', origin: site, ath, jti, iat: Math.floor(Date.now() / 1000) })}`
      const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `qlik-gateway-proof: ${text}.${signature.toString('base64url')}\r\n`
    }
  }
}

function hash (text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
