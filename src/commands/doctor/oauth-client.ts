import { randomBytes } from 'node:crypto'
import { createTenantOAuth } from '../../credentials/authorization-code/oauth.js'
import { ClientAuthentication, type ClientCredential } from '../../credentials/client-authentication.js'
import { credentialOf } from '../../credentials/client-file.js'
import { ClientKey } from '../../credentials/client-key.js'
import { createPrivateKeyText } from '../private-key.js'
import { readError } from './ask.js'
import { Found, ok, problem, skipped, warning, type Finding } from './finding.js'
import type { DoctorContext } from './context.js'
import { findNoTenant } from './tenant.js'

const clientRemedy = 'Copy id and secret of the OAuth client of type Web from the administration console, or run qlik-embed-gateway setup.'
const keyRemedy = 'Register the public half of the key with the OAuth client under QLIK_CLIENT_KEY_ID, with private_key_jwt as its ' +
  'method, and see that the clocks agree.'

/** Checks that the tenant knows the client and the redirect URI. Otherwise it does not redirect. */
export async function examineRedirectUri (
  { gateway: { tenantUrl, clientId, credentials }, redirectUri: uri, readAuthorization }: DoctorContext
): Promise<Finding> {
  if (credentials === 'impersonation') return skipped('With impersonation nobody signs in at the tenant.')
  const answer = await readAuthorization()
  // An answer below 400 is a redirect to the login, or the login page itself.
  if (answer.status < 400) return ok(`The tenant knows the client, and ${uri} is registered with it.`)
  const noTenant = findNoTenant(tenantUrl, answer)
  if (noTenant !== undefined) return noTenant
  const { code, words } = readError(answer)
  const reason = `${answer.status}, ${code}`
  if (answer.status === 429 || answer.status >= 500) return skipped(`The tenant is too busy to tell (${reason}).`)
  const register = `Register exactly ${uri} as a redirect URL of the client: scheme, host, port, path and the slash at the end count.`
  if (/redirect/i.test(words)) return problem(`The redirect URI ${uri} is not registered with the client (${reason}).`, register)
  if (/client/i.test(words)) return problem(`The tenant does not know the client ${clientId} (${reason}).`, clientRemedy)
  return problem(
    `The tenant refuses to begin a login (${reason}): the client id or the redirect URI is wrong.`, `${register} ${clientRemedy}`
  )
}

/** Checks that the client may ask for the scopes, as far as a tenant reveals that before anybody has signed in. */
export async function examineScopes ({ gateway: { scopes }, redirectUri, readAuthorization }: DoctorContext): Promise<Finding> {
  const { headers } = await readAuthorization()
  const location = headers.get('location') ?? ''
  const error = location.startsWith(redirectUri) ? new URL(location).searchParams.get('error') : null
  if (error === null) {
    return ok(`The tenant begins a login with the scopes ${scopes.join(' ')}. (It may judge them again when the user has signed in.)`)
  }
  if (error === 'invalid_scope') {
    return problem(
      `The client may not ask for all of the scopes ${scopes.join(' ')}.`,
      'Allow them for the client in the administration console, or take them out of QLIK_SCOPES.'
    )
  }
  return problem(
    `The tenant ends the login at once (${/^\w{1,40}$/.test(error) ? error : 'an error without a name'}).`,
    'Check that the client is of type Web, enabled, and allowed to use the authorization code flow.'
  )
}

/**
 * Checks that the tenant accepts the client. The exchange of an invented code must fail because of the code, and in
 * another way than with a wrong secret or key.
 */
export async function examineSecret (context: DoctorContext): Promise<Finding> {
  const code = randomBytes(24).toString('base64url')
  const credential = credentialOf(context.gateway)
  const kind = 'secret' in credential ? 'secret' : 'key'
  const own = await exchange(context, code, credential)
  if (own.status === 429 || own.status >= 500) return skipped(`The token endpoint is too busy to tell (${own.status}, ${own.code}).`)
  const wrong = await exchange(context, code, inventCredential(credential))
  if (own.status !== wrong.status || own.code !== wrong.code || own.words !== wrong.words) {
    return ok(`The tenant accepts the client's id and ${kind}: it refuses an invented code (${own.status}, ${own.code}) otherwise ` +
      `than a wrong ${kind} (${wrong.status}, ${wrong.code}).`)
  }
  if (kind === 'key' && own.status === 401) {
    return problem(`The tenant does not accept the client's id and key (${own.status}, ${own.code}).`, keyRemedy)
  }
  if (/client|secret/i.test(own.words)) {
    return problem(`The tenant does not accept the client's id and ${kind} (${own.status}, ${own.code}).`, clientRemedy)
  }
  return warning(
    `It cannot be told whether the ${kind} is right: the tenant answers an invented code and a wrong ${kind} alike (${own.status}, ` +
      `${own.code}).`,
    `Sign in once: GW-CLIENT-REFUSED means that the ${kind} is wrong, and GW-LOGIN-EXCHANGE may mean it.`
  )
}

/** Makes a credential of the same kind that is registered nowhere. */
function inventCredential (credential: ClientCredential): ClientCredential {
  if ('secret' in credential) return { secret: randomBytes(24).toString('base64url') }
  return { key: new ClientKey(createPrivateKeyText(credential.key.algorithm)), keyId: credential.keyId }
}

/** Exchanges a code as the gateway does. Numbers that differ from answer to answer are removed from the error text. */
async function exchange (
  { gateway, redirectUri, now, ask }: DoctorContext, code: string, credential: ClientCredential
): Promise<{ status: number, code: string, words: string }> {
  const seen = { status: 0, code: '', words: '' }
  const oauth = createTenantOAuth({
    ...gateway,
    authentication: new ClientAuthentication(credential, new URL('/oauth/token', gateway.tenantUrl).href),
    issuer: gateway.tenantUrl.origin,
    redirectUri,
    now,
    fetch: async (url, init) => {
      const answer = await ask(new URL(`${url as string}`), init)
      const error = readError(answer)
      Object.assign(seen, { status: answer.status, code: error.code, words: error.words.replace(/[\da-f-]{8,}/gi, '') })
      return new Response(answer.text, { status: answer.status, headers: answer.headers })
    }
  })
  const judged = oauth.judgeCallback(new URLSearchParams({ code, state: 'doctor' }), 'doctor')
  await oauth.exchange(judged, randomBytes(32).toString('base64url')).catch(({ cause }: Error) => {
    if (cause instanceof Found) throw cause
  })
  return seen
}
