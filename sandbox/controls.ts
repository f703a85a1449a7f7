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

/** What the controls work on. */
export interface Controlled {
  initial: Settings
  names: Names
  clients: ClientRegistry
  users: UserDirectory
  ledger: TokenLedger
  administrators: Administrators
  /** Ends a grant in the authorization server's own store. */
  endGrant: (grantId: string) => void
  closeSockets: (code: number, reason: string) => void
  defaultClientId: string
}

interface NewUser { subject: string, name?: string, email?: string, groups?: string[] }

/** Turns a tenant's screws: for tests, in its own process or over HTTP. */
export class Controls {
  readonly settings: Settings
  readonly faults = new FaultList()
  /** Who may use the tenant. Unlike the API, what is set here can shut everybody out. */
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

  /** Changes some settings; they hold for what is issued and asked from now on. */
  set (changes: Partial<Settings>): void {
    checkSettings(changes)
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

  /** Access tokens that a user got, however they were granted, since the start or the last clear(). By subject or user id. */
  tokensGranted (user: string): number {
    return this.#controlled.ledger.granted(this.#idOf(user))
  }

  /** Grants of a user, by subject or user id, of which a token still works. */
  liveGrants (user: string): number {
    return this.#controlled.ledger.liveGrants(this.#idOf(user))
  }

  /** Creates a user who has never signed in, or assigns other custom groups to one who is there. Returns the user. */
  setUser ({ subject, name = subject, email = '', groups = [] }: NewUser): User {
    const { users } = this.#controlled
    const user = users.create(subject, { name, email }) ?? users.find('subject', subject)
    if (user === undefined) throw new Error(`The user ${subject} could not be created.`)
    return users.assignGroups(user.id, groups.map(group => users.groups.ensure(group, 'custom')))
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

  /** Has the API refuse every access token issued so far, administrators' too; refresh tokens go on. */
  endAccessTokens (): void {
    this.#controlled.ledger.endAccessTokens()
    this.#controlled.administrators.endTokens()
  }

  /** Closes every WebSocket of the engine. */
  closeSockets (code: number, reason = ''): void {
    this.#controlled.closeSockets(code, reason)
  }

  /** Registers other redirect URIs for a client. */
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

  /** Allows these IPv4 addresses and ranges alone to use the tenant; everybody when there are none. */
  allowAddresses (allowedIps: string[]): void {
    createList(allowedIps)
    const policy = { id: 'sandbox-policy', name: 'Set by the controls', allowedIps, enabled: true }
    this.ipPolicies.policies = allowedIps.length === 0 ? [] : [policy]
  }

  /** Gives the tenant other hostnames: the original one first, then its aliases. Its own addresses keep the original one. */
  setHostnames (hostnames: string[]): void {
    this.#controlled.names.hostnames = hostnames
  }

  /**
   * Back to the start's settings and hostnames; no faults and no IP policies, an empty log, counters at 0, everybody enabled.
   * Users, clients and tokens stay.
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
