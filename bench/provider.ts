import { randomBytes, sign } from 'node:crypto'
import { createKeyPair } from '../sandbox/key-pair.js'

// The tenant's side of OAuth for every contestant.
// Its tokens are random text: some contestants compress their cookies, and repetitive tokens would make those smaller.

export const client = { id: 'bench', secret: 'a-secret-of-the-bench-and-of-nothing-else' }
export const issuer = 'https://issuer.bench'

/** The bearer token that every contestant must send upstream. With many users, each token has this prefix. */
export const accessToken = `eyJ${randomText(1_790)}`
export const refreshToken = randomText(600)

const { privateKey, publicKey } = createKeyPair(2048)
const keyId = 'a-key'
let grants = 0
/** The nonce of the current login. Contestants that send one are signed in one after the other. */
let nonce: string | null = null

/** The answers of the tenant that no access token is needed for, by path. */
export const openAnswers: Record<string, () => object> = {
  '/oidc/jwks': () => ({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: keyId, alg: 'RS256', use: 'sig' }] }),
  '/oidc/token': () => ({ ...grantTokens(), id_token: signIdToken() }),
  // Qlik Cloud's token response is not OpenID Connect's.
  '/oauth/token': grantTokens
}

function grantTokens (): object {
  return {
    access_token: `${accessToken}${grants++}`,
    refresh_token: refreshToken,
    token_type: 'Bearer',
    scope: 'openid',
    expires_in: 21_600
  }
}

export const profile = { id: 'a-user', subject: 'a-subject', name: 'A User', email: 'user@bench.example' }

/** Signs a user in at a contestant, beginning with an address that leads to the tenant. Returns the header line of its cookies. */
export async function signIn (start: string): Promise<string> {
  const begin = await fetch(start, { redirect: 'manual', headers: { accept: 'text/html' } })
  const { searchParams } = new URL(begin.headers.get('location') ?? start)
  const callback = new URL(searchParams.get('redirect_uri') ?? start)
  nonce = searchParams.get('nonce')
  callback.search = new URLSearchParams({ code: 'a-code', state: searchParams.get('state') ?? '' }).toString()
  const end = await fetch(callback, { redirect: 'manual', headers: { cookie: cookiesOf(begin) } })
  const cookies = cookiesOf(end)
  if (end.status >= 400 || cookies === '') {
    throw new Error(`The login at ${start} began with ${begin.status} and ended with ${end.status}: ${await end.text()}`)
  }
  return `Cookie: ${cookies}\r\n`
}

/** The cookies of a browser after this answer, without those that the answer deletes. */
export function cookiesOf (answer: Response): string {
  return answer.headers.getSetCookie()
    .filter(line => !/; *(?:max-age=0|expires=\w+, 0?1[- ]jan[- ]1970)/i.test(line))
    .map(line => line.split(';', 1)[0])
    .join('; ')
}

function signIdToken (): string {
  const now = Math.floor(Date.now() / 1000)
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {
    iss: issuer,
    sub: profile.subject,
    email: profile.email,
    email_verified: true,
    aud: client.id,
    nonce,
    iat: now,
    exp: now + 21_600
  }
  const text = `${encode({ alg: 'RS256', kid: keyId })}.${encode(claims)}`
  return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`
}

function randomText (length: number): string {
  return randomBytes(length).toString('base64url').slice(0, length)
}
