import { randomBytes } from 'node:crypto'
import { noteSecrets } from '../secrets.js'
import type { ClientRegistry, RegisteredClient } from './clients.js'
import { checkScope } from './scopes.js'
import type { TokenAnswer } from './token-answers.js'
import type { User } from './users.js'

/** The tenant's administrator, for whom an API key and a machine-to-machine client act. */
export const administrator: User = {
  id: '66a1f0c2b7d94e3a5c8f1aff',
  subject: 'qlik|administrator',
  name: 'Tenant administrator',
  email: 'administrator@example.com',
  locale: 'en-US',
  idpGroups: [],
  customGroups: [],
  createdAt: '2025-01-15T08:00:00Z',
  lastUpdatedAt: '2025-01-15T08:00:00Z'
}

const scope = 'admin_classic'

/**
 * The credentials of the tenant's administrator: an API key and a machine-to-machine client, generated for each tenant.
 */
export class Administrators {
  readonly apiKey = `sandbox-key-${randomBytes(24).toString('hex')}`
  readonly client = { id: 'sandbox-administrator', secret: randomBytes(24).toString('hex') }
  /** When the tokens expire, in ms since the epoch. */
  readonly #tokens = new Map<string, number>()

  /** Registers the client, so that the tenant lists it like any other. */
  constructor (clients: ClientRegistry) {
    clients.register({
      clientId: this.client.id,
      clientSecret: this.client.secret,
      name: 'Sandbox administrator',
      redirectUris: [],
      grantTypes: ['client_credentials'],
      scopes: [scope]
    })
  }

  /** Whether a bearer token belongs to an administrator. */
  has (token: string): boolean {
    return token === this.apiKey || (this.#tokens.get(token) ?? 0) > Date.now()
  }

  /**
   * The client credentials grant (RFC 6749, section 4.4) for a client that has authenticated. Throws a Refusal without
   * the scope admin_classic.
   */
  grant (client: RegisteredClient, asked: string | undefined, seconds: number): TokenAnswer {
    checkScope(asked ?? scope, { scopes: client.scopes.filter(known => known === scope) })
    const token = randomBytes(32).toString('hex')
    noteSecrets({ access_token: token })
    this.#tokens.set(token, Date.now() + seconds * 1000)
    return { access_token: token, token_type: 'bearer', scope, expires_in: seconds }
  }

  /** Ends the tokens issued so far. The API key stays valid. */
  endTokens (): void {
    this.#tokens.clear()
  }
}
