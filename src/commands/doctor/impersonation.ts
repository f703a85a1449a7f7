import { randomUUID } from 'node:crypto'
import { administrationOf, createAdministrator } from '../../credentials/impersonation/administrator.js'
import { Provisioning } from '../../credentials/impersonation/provisioning.js'
import { arePublicKeys } from '../../credentials/impersonation/statement-keys.js'
import { createGrantForUser } from '../../credentials/impersonation/user-grant.js'
import { ClientAuthentication } from '../../credentials/client-authentication.js'
import { credentialOf } from '../../credentials/client-file.js'
import { TokenEndpoint } from '../../credentials/token-endpoint.js'
import type { TokenFailure } from '../../credentials/token-failure.js'
import { readError } from './ask.js'
import { Found, ok, problem, skipped, warning, type Finding } from './finding.js'
import type { DoctorContext } from './context.js'

const signInAtTenant = 'CREDENTIALS is authorization-code: users sign in at the tenant.'

/** Checks that the keys of the issuer can be read. */
export async function examineIdentityKeys ({ gateway: { credentials, identityJwksUrl: url }, ask }: DoctorContext): Promise<Finding> {
  if (credentials !== 'impersonation') return skipped(signInAtTenant)
  if (url === undefined) return ok('The keys of the issuer are in a file, and can be read.')
  const { status, text } = await ask(url)
  if (status === 200 && arePublicKeys(text)) return ok(`${url.host} publishes keys.`)
  return problem(
    `${url.host} publishes no keys that could be read (${status}): every statement is answered with GW-IDENTITY-KEYS.`,
    'Set IDENTITY_JWKS_URL to the JWK Set of the issuer, as its metadata name it (jwks_uri), or use IDENTITY_KEYS_FILE.'
  )
}

/**
 * Checks that the client may impersonate users: asked for a user that does not exist, the tenant must refuse the user
 * and not the client.
 */
export async function examineImpersonation (context: DoctorContext): Promise<Finding> {
  const { gateway } = context
  if (gateway.credentials !== 'impersonation') return skipped(signInAtTenant)
  const { endpoint, seen } = createEndpoint(context)
  const authentication = new ClientAuthentication(credentialOf(gateway), new URL('/oauth/token', gateway.tenantUrl).href)
  const grant = createGrantForUser({ ...gateway, authentication, endpoint, lookup: gateway.identityLookup })
  const failure = await grant(`doctor-${randomUUID()}`).then(() => undefined, passFound)
  if (failure === undefined) {
    return warning(
      'The tenant gives a token for a user whom nobody has created.',
      'Find out who creates users there: everybody whom a statement names can come in.'
    )
  }
  const reason = `${failure.status}, ${failure.tenantCode ?? 'no code'}`
  if (/trust|consent/i.test(seen.words)) {
    return problem(`The client is not trusted (${reason}).`, 'Set its consent method to Trusted in the administration console.')
  }
  switch (failure.kind) {
    case 'client':
      return problem(
        `The tenant does not let the client impersonate users (${reason}).`,
        'Allow it the grant type urn:qlik:oauth:user-impersonation and the scopes of QLIK_SCOPES (user_default), and see the line ' +
          'client-secret.'
      )
    case 'unavailable':
      return skipped(`The token endpoint is too busy to tell (${reason}).`)
    default:
      return ok(`The client may impersonate: the tenant refuses an invented user, and not the client (${reason}).`)
  }
}

/** Checks that users can be created, as far as reading shows: it looks for an invented user and group. */
export async function examineUsers (context: DoctorContext): Promise<Finding> {
  const { gateway, fetch, now } = context
  const { tenantUrl, adminClientId: clientId = '' } = gateway
  if (gateway.credentials !== 'impersonation' || !gateway.provisionUsers) {
    return skipped('PROVISION_USERS is not set: users exist at the tenant, or are refused.')
  }
  const administration = administrationOf(gateway)
  const authentication = new ClientAuthentication(credentialOf(administration), new URL('/oauth/token', tenantUrl).href)
  const administrator = createAdministrator({ tenantUrl, clientId, authentication, endpoint: createEndpoint(context).endpoint, fetch, now })
  try {
    await new Provisioning(administrator, now).probe(`doctor-${randomUUID()}`)
    return ok('The administration client reads users and groups. (Whether it may write shows at the first user.)')
  } catch (error) {
    const { kind, status, tenantCode } = passFound(error)
    const reason = `${status ?? 'no answer'}, ${tenantCode ?? 'no code'}`
    if (status === 429 || (status ?? 500) >= 500) return skipped(`The tenant is too busy to tell (${reason}).`)
    return problem(
      kind === 'client' || kind === 'refused'
        ? `The tenant does not accept the administration client (${reason}).`
        : `The administration client may not read users and groups (${reason}).`,
      'Use a machine-to-machine client with the scope admin_classic: QLIK_ADMIN_CLIENT_ID, and its secret or key.'
    )
  }
}

/** A token endpoint that records the text of its last error. */
function createEndpoint ({ gateway: { tenantUrl }, ask, now }: DoctorContext): { endpoint: TokenEndpoint, seen: { words: string } } {
  const seen = { words: '' }
  const fetch: typeof globalThis.fetch = async (url, init) => {
    const answer = await ask(new URL(`${url as string}`), init)
    seen.words = readError(answer).words
    return new Response(answer.text, { status: answer.status, headers: answer.headers })
  }
  return { endpoint: new TokenEndpoint({ tenantUrl, fetch, now }), seen }
}

/** Returns the failure of a grant. If the request itself failed, that finding is thrown instead. */
function passFound (error: unknown): TokenFailure {
  const { cause } = error as Error
  if (cause instanceof Found) throw cause
  return error as TokenFailure
}
