import type { ClientRegistry, OAuthClient } from './oauth/clients.js'
import type { GrantCounts, TokenLedger } from './oauth/ledger.js'
import type { UserDirectory } from './oauth/users.js'
import { FaultList, type Fault } from './front/faults.js'
import { RateLimit } from './front/rate-limit.js'
import { RequestLog, type LoggedRequest } from './front/request-log.js'

/** What can be changed while the tenant runs. */
export interface Settings {
  /** Life of access tokens issued from now on. */
  accessTokenSeconds: number
  /** Pads access tokens to at least this size; 0 leaves them as they are. */
  accessTokenBytes: number
  refreshTokenBytes: number
  /** Which of expires_in and expires_at a token answer carries. */
  expiryStyle: 'both' | 'expires_in' | 'expires_at' | 'none'
  rotateRefreshTokens: boolean
  /** Refresh tokens a user can have at a time; 0 is no cap. */
  maximalTokensPerUser: number
  /** Calls of token and revocation endpoint per client; 0 is no limit. */
  tokenCallsPerMinute: number
  /** Calls of the API per user; 0 is no limit. */
  apiCallsPerMinute: number
  /** Reports asked for per user; 0 is no limit. */
  reportsPerMinute: number
  /** Whether the redirect back to the client carries `iss` (RFC 9207). */
  issuerOnRedirect: boolean
}

/** What a tenant does when nothing was changed. */
export const defaultSettings: Settings = {
  accessTokenSeconds: 21600,
  accessTokenBytes: 0,
  refreshTokenBytes: 64,
  expiryStyle: 'both',
  rotateRefreshTokens: true,
  maximalTokensPerUser: 0,
  tokenCallsPerMinute: 0,
  apiCallsPerMinute: 0,
  reportsPerMinute: 0,
  issuerOnRedirect: false
}

/** What the controls work on. */
export interface Controlled {
  initial: Settings
  clients: ClientRegistry
  users: UserDirectory
  ledger: TokenLedger
  /** Ends a grant in the authorization server's own store. */
  endGrant: (grantId: string) => void
  closeSockets: (code: number, reason: string) => void
  defaultClientId: string
}

/** Turns a tenant's screws: for tests, in its own process or over HTTP. */
export class Controls {
  readonly settings: Settings
  readonly faults = new FaultList()
  readonly log = new RequestLog()
  readonly tokenRate = new RateLimit()
  readonly apiRate = new RateLimit()
  readonly reportRate = new RateLimit()
  readonly #controlled: Controlled

  constructor (controlled: Controlled) {
    this.#controlled = controlled
    this.settings = { ...controlled.initial }
  }

  /** Changes some settings; they hold for what is issued and asked from now on. */
  set (changes: Partial<Settings>): void {
    for (const [name, value] of Object.entries(changes)) {
      if (!(name in defaultSettings)) throw new Error(`There is no setting "${name}". Settings: ${Object.keys(defaultSettings).join(', ')}.`)
      const known = defaultSettings[name as keyof Settings]
      if (typeof value !== typeof known) throw new Error(`Setting "${name}" takes a ${typeof known}.`)
    }
    Object.assign(this.settings, changes)
  }

  /** Makes something go wrong. */
  addFault (fault: Fault): void {
    this.faults.add(fault)
  }

  /** Requests received, oldest first. */
  get requests (): LoggedRequest[] {
    return this.log.entries
  }

  /** Grants given since the start or the last clear(). */
  get grants (): GrantCounts {
    return this.#controlled.ledger.counts
  }

  /** Refresh tokens of a user that still work. */
  liveTokens (userId: string): number {
    return this.#controlled.ledger.liveRefreshTokens(userId)
  }

  /** Lets a user neither sign in nor refresh nor call the API. */
  disableUser (userId: string): void {
    this.#controlled.users.disable(userId)
  }

  enableUser (userId: string): void {
    this.#controlled.users.enable(userId)
  }

  /** Ends every grant of a user, access tokens included. */
  revokeAll (userId: string): void {
    for (const grantId of this.#controlled.ledger.grantsOf(userId)) this.#controlled.endGrant(grantId)
  }

  /** Has the API refuse every access token issued so far, as if it had been revoked early; refresh tokens go on. */
  endAccessTokens (): void {
    this.#controlled.ledger.endAccessTokens()
  }

  /** Closes every WebSocket of the engine. */
  closeSockets (code: number, reason = ''): void {
    this.#controlled.closeSockets(code, reason)
  }

  /** Registers other redirect URIs for a client. */
  setRedirectUris (redirectUris: string[], clientId = this.#controlled.defaultClientId): void {
    this.setClient({ redirectUris }, clientId)
  }

  /** Changes a client's registration. */
  setClient (changes: Partial<OAuthClient>, clientId = this.#controlled.defaultClientId): void {
    const { clients } = this.#controlled
    clients.register({ ...clients.require(clientId), ...changes, clientId })
  }

  /** Back to the start's settings; no faults, an empty log, counters at 0, everybody enabled. Tokens stay valid. */
  clear (): void {
    Object.assign(this.settings, this.#controlled.initial)
    this.faults.clear()
    this.log.clear()
    this.tokenRate.clear()
    this.apiRate.clear()
    this.reportRate.clear()
    this.#controlled.users.enableAll()
    this.#controlled.ledger.resetCounts()
  }

  /** Settings, faults and counters as JSON. */
  describe (): Record<string, unknown> {
    const { users } = this.#controlled
    return {
      settings: this.settings,
      faults: this.faults.faults.map(fault => ({ ...fault, path: String(fault.path) })),
      grants: this.grants,
      users: users.list().map(({ id, name }) => ({ id, name, disabled: users.isDisabled(id), liveTokens: this.liveTokens(id) }))
    }
  }
}
