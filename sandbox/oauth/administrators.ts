import { randomBytes } from 'node:crypto'
import { Refusal } from '../front/errors.js'
import { noteSecrets } from '../secrets.js'
import type { User } from './users.js'

/** The tenant's administrator, as an API key or a machine-to-machine client acts for them. */
export const administrator: User = {
  id: '66a1f0c2b7d94e3a5c8f1aff',
  subject: 'qlik|administrator',
  name: 'Tenant administrator',
  email: 'administrator@example.com',
  locale: 'en-US',
  groups: [],
  createdAt: '2025-01-15T08:00:00Z',
  lastUpdatedAt: '2025-01-15T08:00:00Z'
}

/** What administers the tenant by its API: a key, and a client that trades its secret for tokens. Both are new with each tenant. */
export class Administrators {
  readonly apiKey = `sandbox-key-${randomBytes(24).toString('hex')}`
  readonly client = { id: 'sandbox-administrator', secret: randomBytes(24).toString('hex') }
  readonly #tokens = new Set([this.apiKey])

  /** Whether a bearer token is an administrator's. */
  has (token: string): boolean {
    return this.#tokens.has(token)
  }

  /** The client credentials grant (RFC 6749, section 4.4). Throws a Refusal. */
  grant (id: string | undefined, secret: string | undefined): { access_token: string, token_type: string, scope: string, expires_in: number } {
    if (id !== this.client.id || secret !== this.client.secret) throw new Refusal(401, 'OAUTH-2', 'Invalid client', 'The client is unknown, or its secret is wrong.')
    const token = randomBytes(32).toString('hex')
    noteSecrets({ access_token: token })
    this.#tokens.add(token)
    return { access_token: token, token_type: 'bearer', scope: 'admin_classic', expires_in: 21600 }
  }
}
