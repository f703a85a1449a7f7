import type { Administrators } from './oauth/administrators.js'
import type { ClientRegistry, OAuthClient } from './oauth/clients.js'
import type { GrantCounts, TokenLedger } from './oauth/ledger.js'
import type { User, UserDirectory } from './oauth/users.js'
import { FaultList, type Fault } from './front/faults.js'
import { createList, IpPolicies } from './front/ip-policies.js'
import type { Names } from './front/names.js'
import { RateLimit } from './front/rate-limit.js'
import { RequestLog, type LoggedRequest } from './front/request-log.js'
import { checkSettings, type Settings } from './settings.js'

/** The parts of a tenant that the controls change. */
export interface Controlled {
  initial: Settings
  names: Names
  clients: ClientRegistry
  users: UserDirectory
  ledger: TokenLedger
  administrators: Administrators
  /** Revokes a grant in the authorization server's own store. */
  endGrant: (grantId: string) => void
  closeSockets: (code: number, reason: string) => void
  defaultClientId: string
}

interface NewUser { subject: string, name?: string, email?: string, groups?: string[] }

/** Controls a sandbox tenant while it runs, from tests in its own process or over HTTP. */
export class Controls {
  readonly settings: Settings
  readonly faults = new FaultList()
  /** The IP allow lists. Unlike the API, the controls can lock everybody out. */
  readonly ipPolicies = new IpPolicies()
  readonly log = new RequestLog()
  readonly tokenRate = new RateLimit()
  readonly apiRate = new RateLimit()
  readonly reportRate = new RateLimit()
  readonly #controlled: Controlled
  readonly #hostnames: string[]

  constructor (controlled: Controlled) {
    this.#controlled = controlled
    this.settings = { ...controlled.initial }
    this.#hostnames = controlled.names.hostnames
  }

  /** Changes some settings. They apply to later tokens and requests. */
  set (changes: Partial<Settings>): void {
    checkSettings(changes)
    Object.assign(this.settings, changes)
  }

  /** Adds a fault that matching requests will meet. */
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

  /** The number of a user's refresh tokens that still work. */
  liveTokens (userId: string): number {
    return this.#controlled.ledger.liveRefreshTokens(userId)
  }

  /**
   * The number of access tokens issued to a user, by any grant, since the start or the last clear(). `user` is a
   * subject or a user id.
   */
  tokensGranted (user: string): number {
    return this.#controlled.ledger.granted(this.#idOf(user))
  }

  /** The number of a user's grants with a token that still works. `user` is a subject or a user id. */
  liveGrants (user: string): number {
    return this.#controlled.ledger.liveGrants(this.#idOf(user))
  }

  /** Creates a user who has never signed in, or replaces the custom groups of an existing one. Returns the user. */
  setUser ({ subject, name = subject, email = '', groups = [] }: NewUser): User {
    const { users } = this.#controlled
    const user = users.create(subject, { name, email }) ?? users.find('subject', subject)
    if (user === undefined) throw new Error(`The user ${subject} could not be created.`)
    return users.assignGroups(user.id, groups.map(group => users.groups.ensure(group, 'custom')))
  }

  /** Disables a user: no more sign-ins, refreshes or API calls. */
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

  /** Makes the API refuse every access token issued so far, including administrators'. Refresh tokens still work. */
  endAccessTokens (): void {
    this.#controlled.ledger.endAccessTokens()
    this.#controlled.administrators.endTokens()
  }

  /** Closes every WebSocket of the engine. */
  closeSockets (code: number, reason = ''): void {
    this.#controlled.closeSockets(code, reason)
  }

  /** Replaces the redirect URIs of a client. */
  setRedirectUris (redirectUris: string[], clientId = this.#controlled.defaultClientId): void {
    this.setClient({ redirectUris }, clientId)
  }

  /** Registers another client. */
  addClient (client: OAuthClient): void {
    this.#controlled.clients.register(client)
  }

  /** Changes a client's registration: grant types, consent, keys, scopes and the like. */
  setClient (changes: Partial<OAuthClient>, clientId = this.#controlled.defaultClientId): void {
    const { clients } = this.#controlled
    clients.register({ ...clients.require(clientId), ...changes, clientId })
  }

  /** Allows only these IPv4 addresses and ranges to use the tenant. An empty list allows everybody. */
  allowAddresses (allowedIps: string[]): void {
    createList(allowedIps)
    const policy = { id: 'sandbox-policy', name: 'Set by the controls', allowedIps, enabled: true }
    this.ipPolicies.policies = allowedIps.length === 0 ? [] : [policy]
  }

  /**
   * Changes the tenant's host names: the original one first, then its aliases. The tenant's own links use the original
   * one.
   */
  setHostnames (hostnames: string[]): void {
    this.#controlled.names.hostnames = hostnames
  }

  /**
   * Restores the initial settings and host names, and removes faults and IP policies. The request log and the counters
   * are empty, and all users enabled. Users, clients and tokens stay.
   */
  clear (): void {
    Object.assign(this.settings, this.#controlled.initial)
    this.faults.clear()
    this.ipPolicies.policies = []
    this.setHostnames(this.#hostnames)
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
      users: users.list().map(({ id, subject, name }) => ({
        id,
        subject,
        name,
        disabled: users.isDisabled(id),
        liveTokens: this.liveTokens(id),
        liveGrants: this.liveGrants(id),
        tokensGranted: this.tokensGranted(id)
      }))
    }
  }

  #idOf (user: string): string {
    return this.#controlled.users.find('subject', user)?.id ?? user
  }
}
