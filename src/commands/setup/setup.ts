import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { readProxies } from '../../settings/config.js'
import { impersonationGrant } from '../../credentials/impersonation/user-grant.js'
import { gatewaySchema } from '../../settings/gateway-schema.js'
import { CommandError, expectNoWords, readCall, type Command, type CommandIo } from '../command.js'
import { redirectUriOf } from '../doctor/context.js'
import { administratorVariables, atTenant } from './administrator.js'
import { readEnvironment, word } from './environment.js'
import { registerClient } from './oauth-client.js'
import { environmentOf } from './tenant-entry.js'
import { publishOrApprove } from './publish.js'
import { setUpOkta } from './okta.js'
import { createClientKeyPair } from './key-pair.js'
import { renderEntry, renderSettings, reserveFile, type SettingsFile } from './settings-file.js'

const { tenantUrl, publicUrl, callbackUrl, scopes } = gatewaySchema.shape
const schema = z.object({
  ...administratorVariables,
  QLIK_TENANT_URL: tenantUrl,
  PUBLIC_URL: publicUrl,
  callbackUrl,
  QLIK_SCOPES: scopes,
  QLIK_CLIENT_SECRET: word.optional(),
  SESSION_KEYS: z.string().optional()
})
const defaultName = 'qlik-embed-gateway'
const adminScope = 'admin_classic'

/** `setup` registers the gateway with a tenant. `setup okta` makes Okta an identity provider of the tenant. */
export const setupCommand: Command = {
  usage: `qlik-embed-gateway setup [--tenant name] [--name name] [--rotate-secret] [--end-old-secrets] [--key file] [--write file]
                         [--dry-run]

Registers the OAuth client of the gateway with the tenant, or brings the one that is there in line, and prints the settings.
The environment names the tenant (QLIK_TENANT_URL), the gateway (PUBLIC_URL, QLIK_SCOPES, and if it is there already QLIK_CLIENT_SECRET and
SESSION_KEYS, which are kept) and the administrator: QLIK_ADMIN_API_KEY, or
QLIK_ADMIN_CLIENT_ID and QLIK_ADMIN_CLIENT_SECRET of a machine-to-machine client. Each may be a file: QLIK_ADMIN_API_KEY_FILE.

  --tenant           sets up this tenant of CONFIG_FILE: its settings there stand in for the variables, and an entry of the file is printed
  --name             name of the client (${defaultName})
  --rotate-secret    makes a new secret for a client that is there; the older ones go on working
  --end-old-secrets  deletes all its secrets but the newest
  --key              makes a key pair, registers its public half, and writes the private key to a new file: it takes the place of the secret
  --write            writes the settings to a new file, for nobody else to read, instead of printing them
  --dry-run          shows the requests that would change something, and sends none of them

qlik-embed-gateway setup impersonation [--name name] [--users] [--key file] [--write file] [--dry-run]

Does the same for a gateway whose users the host application names: a client that may impersonate them, and with --users a second one that
creates users and groups, whose name ends in -users. docs/impersonation.md has the settings that are yours to add.

qlik-embed-gateway setup publish [--tenant name] [--dry-run]
qlik-embed-gateway setup approve [--tenant name] [--dry-run]

One OAuth client for several tenants: the first publishes the client QLIK_CLIENT_ID to the tenants of its region, at the tenant where it is
registered; the second makes it trusted at another, where it would ask every user for consent.

qlik-embed-gateway setup okta [--tenant name] [--update] [--dry-run]

Checks an Okta authorization server and makes it an identity provider of the tenant, to be validated in the administration console.
Besides the tenant and the administrator the environment names OKTA_ISSUER, OKTA_CLIENT_ID and OKTA_CLIENT_SECRET, and may name OKTA_SCOPES,
and OKTA_API_TOKEN to see the audience too.

  --update   replaces the configuration of a provider that is there with these values, to be validated anew
`,
  async run (words, io) {
    if (words[0] === 'okta') return await setUpOkta(words.slice(1), io)
    if (words[0] === 'publish' || words[0] === 'approve') return await publishOrApprove(words[0], words.slice(1), io)
    const impersonates = words[0] === 'impersonation'
    const { values, positionals } = readCall(impersonates ? words.slice(1) : words, {
      users: { type: 'boolean', default: false },
      tenant: { type: 'string' },
      key: { type: 'string' },
      name: { type: 'string', default: defaultName },
      'rotate-secret': { type: 'boolean', default: false },
      'end-old-secrets': { type: 'boolean', default: false },
      write: { type: 'string' },
      'dry-run': { type: 'boolean', default: false }
    })
    expectNoWords(positionals)
    if (values.users && !impersonates) throw new CommandError('There is no option --users here.')
    return await setUpClient(io, { impersonates, ...values })
  }
}

interface ClientOptions {
  name: string
  'rotate-secret': boolean
  'end-old-secrets': boolean
  write?: string | undefined
  key?: string | undefined
  tenant?: string | undefined
  users: boolean
  'dry-run': boolean
  impersonates: boolean
}

async function setUpClient (io: CommandIo, options: ClientOptions): Promise<number> {
  const env = await environmentOf(io.env, options.tenant)
  const environment = readEnvironment(env, schema)
  const { QLIK_TENANT_URL: tenantUrl, PUBLIC_URL: publicUrl } = environment
  const { impersonates } = options
  const scopes = impersonates && !env.QLIK_SCOPES ? ['user_default'] : environment.QLIK_SCOPES
  const dryRun = options['dry-run']
  const file = options.write === undefined || dryRun ? undefined : reserveFile(options.write)
  let keyFile: SettingsFile | undefined
  try {
    keyFile = options.key === undefined || dryRun ? undefined : reserveFile(options.key)
    const pair = options.key === undefined ? undefined : createClientKeyPair()
    const tell = (text: string) => { io.err(`${text}\n`) }
    const { client, users } = await atTenant({
      tenantUrl,
      proxies: readProxies(io.env),
      credentials: environment,
      show: dryRun ? io.out : undefined,
      secrets: []
    }, async administrator => {
      const secrets = { rotateSecret: options['rotate-secret'], endOldSecrets: options['end-old-secrets'] }
      const way = impersonates
        ? { grantTypes: [impersonationGrant] }
        : {
            redirectUri: redirectUriOf({ publicUrl, callbackUrl: environment.callbackUrl })
          }
      const client = await registerClient(
        administrator, { name: options.name, scopes, publicKey: pair?.publicKey, ...way, ...secrets }, tell
      )
      const users = options.users
        ? await registerClient(
          administrator, { name: `${options.name}-users`, scopes: [adminScope], grantTypes: ['client_credentials'], ...secrets }, tell
        )
        : undefined
      return { client, users }
    })
    if (dryRun) return 0
    if (pair !== undefined) {
      keyFile?.write(pair.privateText)
      keyFile = undefined
    }
    const clientSecret = pair === undefined ? client.clientSecret ?? environment.QLIK_CLIENT_SECRET : undefined
    if (clientSecret === undefined && pair === undefined && file !== undefined) {
      throw new CommandError(
        `${options.write} would lack the secret, which cannot be read again: set QLIK_CLIENT_SECRET to the one that you have, or use ` +
          '--rotate-secret.',
        1
      )
    }
    if (clientSecret === undefined && pair === undefined) {
      io.err('Its secret cannot be read again: keep the one that you have, or use --rotate-secret.\n')
    }
    // New keys sign everybody out, so an existing gateway keeps its keys.
    const lacksKeys = options.tenant === undefined && environment.SESSION_KEYS === undefined
    const makesKeys = lacksKeys && (client.isNew === true || file !== undefined)
    if (lacksKeys && client.isNew !== true) {
      const what = makesKeys ? 'the file has new keys, which sign out everybody who is signed in. Keep' : 'keep'
      io.err(`SESSION_KEYS is not set here: ${what} those that the gateway has.\n`)
    }
    const settings = {
      QLIK_TENANT_URL: tenantUrl.origin,
      QLIK_CLIENT_ID: client.clientId,
      QLIK_CLIENT_SECRET: clientSecret,
      QLIK_CLIENT_KEY_FILE: options.key,
      ...(impersonates ? { CREDENTIALS: 'impersonation' } : {}),
      ...(users === undefined
        ? {}
        : {
            PROVISION_USERS: 'true',
            QLIK_ADMIN_CLIENT_ID: users.clientId,
            QLIK_ADMIN_CLIENT_SECRET: users.clientSecret
          }),
      QLIK_SCOPES: scopes.join(' '),
      PUBLIC_URL: publicUrl.href.replace(/\/$/, ''),
      SESSION_KEYS: makesKeys ? randomBytes(32).toString('base64') : environment.SESSION_KEYS?.split(/[\s,]+/).join(',')
    }
    // One set of keys serves all tenants of the file.
    const text = options.tenant === undefined
      ? renderSettings(settings)
      : await renderEntry(
        options.tenant, { ...settings, SESSION_KEYS: undefined }
      );
    (file?.write ?? io.out)(text)
    return 0
  } catch (error) {
    file?.drop()
    keyFile?.drop()
    throw error
  }
}
