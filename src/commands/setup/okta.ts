import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { webUrl } from '../../settings/addresses.js'
import { list } from '../../settings/values.js'
import { readProxies } from '../../settings/config.js'
import { gatewaySchema } from '../../settings/gateway-schema.js'
import { CommandError, expectNoWords, readCall, type CommandIo } from '../command.js'
import { renderLines, worstOf } from '../doctor/finding.js'
import { administratorVariables, atTenant, type Administrator } from './administrator.js'
import { readEnvironment, word } from './environment.js'
import { environmentOf } from './tenant-entry.js'
import { discoveryUrlOf, examineOkta } from './okta-checks.js'

const schema = z.object({
  ...administratorVariables,
  QLIK_TENANT_URL: gatewaySchema.shape.tenantUrl,
  OKTA_ISSUER: webUrl,
  OKTA_CLIENT_ID: word,
  OKTA_CLIENT_SECRET: word,
  OKTA_SCOPES: list(word).default(['openid', 'profile', 'email']),
  OKTA_API_TOKEN: word.optional()
})

const path = '/api/v1/identity-providers'

// JSON pointers into the claims. The subject must not change together with a user's name or e-mail address.
const claimsMapping = {
  sub: ['/sub'],
  name: ['/name'],
  email: ['/email'],
  email_verified: ['/email_verified'],
  groups: ['/groups'],
  locale: ['/locale'],
  zoneinfo: ['/zoneinfo'],
  picture: ['/picture']
}

interface Provider { id: string, provider?: string, active?: boolean, pendingState?: string, options?: Options, pendingOptions?: Options }
interface Options { discoveryUrl?: string, clientId?: string, claimsMapping?: object }

/**
 * Checks Okta's configuration and creates the tenant's identity provider, unless it exists. It becomes active only
 * after an administrator has validated it.
 */
export async function setUpOkta (words: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readCall(
    words, { tenant: { type: 'string' }, update: { type: 'boolean', default: false }, 'dry-run': { type: 'boolean', default: false } }
  )
  expectNoWords(positionals)
  const environment = readEnvironment(await environmentOf(io.env, values.tenant), schema)
  const { QLIK_TENANT_URL: tenantUrl, OKTA_ISSUER: issuer, OKTA_CLIENT_ID: clientId } = environment
  const { OKTA_CLIENT_SECRET: clientSecret, OKTA_SCOPES: scopes, OKTA_API_TOKEN: apiToken } = environment
  return await atTenant({
    tenantUrl,
    proxies: readProxies(io.env),
    credentials: environment,
    show: values['dry-run'] ? io.out : undefined,
    secrets: [clientSecret]
  }, async (administrator, ask) => {
    const lines = await examineOkta(
      { issuer, clientId, clientSecret, scopes, apiToken, redirectUri: `${tenantUrl.origin}/login/callback` }, ask
    )
    io.err(renderLines(lines))
    if (worstOf(lines) === 'problem') throw new CommandError('The identity provider would not work: nothing was changed.', 1)
    const wanted = { discoveryUrl: discoveryUrlOf(issuer).href, clientId, clientSecret, scope: scopes.join(' '), claimsMapping }
    io.err(`${await createProvider(administrator, wanted, values)}\n`)
    return 0
  })
}

async function createProvider (
  administrator: Administrator, pendingOptions: Options & Record<string, unknown>, { update }: { update: boolean }
): Promise<string> {
  const providers = await administrator.readAll<Provider>(`${path}?limit=100`)
  const known = providers.find(({ options, pendingOptions: pending }) => [
    options?.discoveryUrl, pending?.discoveryUrl
  ].includes(pendingOptions.discoveryUrl))
  const validate = 'Validate it in the administration console (Identity provider), then activate it; the tenant\'s login stays as it ' +
    'is until then.'
  if (known === undefined) {
    const created = await administrator.write<Provider>('POST', path, {
      protocol: 'OIDC',
      provider: 'okta',
      interactive: true,
      createNewUsersOnLogin: true,
      description: 'Okta',
      tenantIds: [administrator.tenant.id],
      pendingOptions
    })
    return created === undefined ? '' : `The identity provider is created (${created.id}). ${validate}`
  }
  if (update) {
    await administrator.write('PATCH', `${path}/${known.id}`, [{ op: 'replace', path: '/pendingOptions', value: pendingOptions }])
    return `The identity provider ${known.id} has these values to be validated. ${validate}`
  }
  const { clientId, claimsMapping: mapped } = (known.pendingOptions ?? known.options) as Options
  const same = clientId === pendingOptions.clientId && isDeepStrictEqual(mapped, claimsMapping)
  const state = known.active === true ? 'active' : `not active, ${known.pendingState ?? 'not validated'}`
  return `The identity provider is there already (${known.id}, ${state})${same ? '' : ', with another client or other claims'}: ` +
    'nothing was changed. With --update it takes these values, the secret too.'
}
