import { randomBytes } from 'node:crypto'
import { parseUrl } from '../../url.js'
import { readError, readFields, type Ask } from '../doctor/ask.js'
import type { Found } from '../doctor/finding.js'
import { ok, problem, skipped, warning, type Finding, type Line } from '../doctor/finding.js'

/** The configuration in Okta: an authorization server, and in it the application that represents the tenant. */
export interface OktaSide {
  issuer: URL
  clientId: string
  clientSecret: string
  scopes: readonly string[]
  /** A token for Okta's own API. Without it, audience and claims cannot be checked. */
  apiToken: string | undefined
  /** The tenant's redirect URI, with its original host name. */
  redirectUri: string
}

interface Discovery {
  issuer?: unknown
  authorization_endpoint?: unknown
  token_endpoint?: unknown
  jwks_uri?: unknown
  scopes_supported?: unknown
  claims_supported?: unknown
}

/** The audience that Qlik Cloud requires in access tokens of its identity provider. */
const audience = 'qlik.api'

/** The discovery document, in which the tenant finds everything else. */
export function discoveryUrlOf (issuer: URL): URL {
  return new URL(`${issuer.href.replace(/\/$/, '')}/.well-known/openid-configuration`)
}

/** Checks Okta's configuration before the tenant depends on it. */
export async function examineOkta (okta: OktaSide, ask: Ask): Promise<Line[]> {
  const lines: Line[] = []
  const add = (check: string, finding: Finding) => lines.push({ check, ...finding })
  try {
    const answer = await ask(discoveryUrlOf(okta.issuer))
    const discovery = readFields(answer) as Discovery
    add('okta-discovery', judgeDiscovery(discovery, okta, answer.status))
    if (lines[0]?.state === 'problem') return lines
    add('okta-scopes', judgeScopes(listOf(discovery.scopes_supported), okta))
    const seen = await readServer(okta, ask)
    add('okta-groups', judgeGroups(seen?.claims ?? [], listOf(discovery.claims_supported)))
    add('okta-audience', judgeAudience(seen?.audiences, okta))
    add('okta-client', await examineClient(String(discovery.token_endpoint), okta, ask))
    add('okta-redirect', await examineRedirect(String(discovery.authorization_endpoint), okta, ask))
  } catch (error) {
    add('okta-connection', (error as Found).finding)
  }
  return lines
}

const listOf = (value: unknown): unknown[] => Array.isArray(value) ? value : []

function judgeDiscovery (discovery: Discovery, { issuer }: OktaSide, status: number): Finding {
  const endpoints = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const
  const missing = endpoints.filter(name => parseUrl(String(discovery[name])) === undefined)
  const remedy = 'Copy the issuer of the authorization server from Okta (Security, API), as https://example.okta.com/oauth2/default.'
  if (missing.length > 0) {
    return problem(`${discoveryUrlOf(issuer).href} is no discovery document (${status}; ${missing.join(', ')} missing).`, remedy)
  }
  if (String(discovery.issuer).replace(/\/$/, '') !== issuer.href.replace(/\/$/, '')) {
    return problem('The discovery document names another issuer than OKTA_ISSUER.', remedy)
  }
  if (!issuer.pathname.startsWith('/oauth2/')) {
    return warning(
      'The issuer is that of the Okta organization, whose audience cannot be set.',
      'Use a custom authorization server, as https://example.okta.com/oauth2/default, if Okta offers it to you (API Access Management).'
    )
  }
  return ok('The discovery document is there, and names this issuer.')
}

function judgeScopes (supported: unknown[], { scopes }: OktaSide): Finding {
  const missing = scopes.filter(scope => !supported.includes(scope))
  if (missing.length === 0) return ok(`The authorization server has the scopes ${scopes.join(' ')}.`)
  return problem(
    `The authorization server has no scope ${missing.join(', ')}.`, 'Add it under Security, API, Scopes, or name others in OKTA_SCOPES.'
  )
}

function judgeGroups (claims: string[], supported: unknown[]): Finding {
  if (claims.includes('groups') || supported.includes('groups')) return ok('There is a groups claim.')
  return warning(
    'No groups claim can be seen: users may have no groups in the tenant, and access by groups would fail.',
    'Add a claim named groups to the ID token, of the type groups, with a filter that matches the regular expression .* (or fewer).'
  )
}

function judgeAudience (audiences: string[] | undefined, { apiToken }: OktaSide): Finding {
  if (audiences?.includes(audience) === true) return ok(`The audience of the authorization server is ${audience}.`)
  if (audiences !== undefined) {
    return problem(
      `The audience of the authorization server is ${audiences.join(', ')}.`, `Set it to ${audience} in Okta, under Security, API.`
    )
  }
  if (apiToken !== undefined) {
    return warning(
      'Okta does not show the authorization server to OKTA_API_TOKEN.',
      `Check the token and the rights of its administrator, or that the audience is ${audience}.`
    )
  }
  return skipped(`The audience cannot be seen without OKTA_API_TOKEN: it must be ${audience}.`)
}

/** Reads audiences and claims of the authorization server from Okta's own API. */
async function readServer ({ issuer, apiToken }: OktaSide, ask: Ask): Promise<{ audiences: string[], claims: string[] } | undefined> {
  if (apiToken === undefined) return undefined
  const url = new URL(`/api/v1/authorizationServers/${issuer.pathname.split('/')[2] ?? ''}`, issuer)
  const headers = { authorization: `SSWS ${apiToken}`, accept: 'application/json' }
  const { audiences } = readFields(await ask(url, { headers })) as { audiences?: string[] }
  const claims = Object.values(readFields(await ask(new URL(`${url.pathname}/claims`, issuer), { headers }))) as { name?: string }[]
  return audiences === undefined ? undefined : { audiences, claims: claims.map(({ name }) => String(name)) }
}

/**
 * An invented code must be refused because of the code (400) and not because of the client (401): RFC 6749, section
 * 5.2.
 */
async function examineClient (endpoint: string, { clientId, clientSecret, redirectUri }: OktaSide, ask: Ask): Promise<Finding> {
  const answer = await ask(new URL(endpoint), {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')}`
    },
    body: new URLSearchParams({ grant_type: 'authorization_code', code: randomBytes(24).toString('base64url'), redirect_uri: redirectUri })
  })
  const { code } = readError(answer)
  if (code === 'invalid_grant') return ok('Okta accepts the client\'s id and secret.')
  if (answer.status === 401 || code === 'invalid_client') {
    return problem(
      `Okta does not accept the client's id and secret (${answer.status}, ${code}).`,
      'Copy both from the application in Okta; it must be an OIDC web application.'
    )
  }
  return warning(
    `It cannot be told whether Okta accepts the client's id and secret (${answer.status}, ${code}).`,
    'Validate the identity provider in the administration console.'
  )
}

/**
 * A redirect URI that is not registered is refused with an error page, never with a redirect: RFC 6749, section
 * 4.1.2.1.
 */
async function examineRedirect (endpoint: string, { clientId, scopes, redirectUri }: OktaSide, ask: Ask): Promise<Finding> {
  const url = new URL(endpoint)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    scope: scopes.join(' '),
    state: 'setup',
    nonce: 'setup'
  }).toString()
  const { status } = await ask(url)
  if (status < 400) return ok(`${redirectUri} is registered in Okta.`)
  return problem(
    `Okta refuses to send users back to ${redirectUri} (${status}).`,
    'Add exactly this sign-in redirect URI to the application in Okta. It names the original hostname of the tenant, never its alias.'
  )
}
