interface AccessRecord { grantId: string, userId: string, clientId: string, endsAt: number, ended: boolean }
interface RefreshRecord { grantId: string, userId: string, expiresAt: number, state: 'live' | 'used' | 'dead' }

/** Counters of the token and revocation endpoints. */
export interface GrantCounts {
  authorization_code: number
  refresh_token: number
  client_credentials: number
  impersonation: number
  revoke: number
  refused: number
}

const noCounts: GrantCounts = { authorization_code: 0, refresh_token: 0, client_credentials: 0, impersonation: 0, revoke: 0, refused: 0 }

/**
 * Records which tokens were issued under which grant: JWT access tokens are stored nowhere else, but must end with
 * their grant.
 */
export class TokenLedger {
  counts: GrantCounts = { ...noCounts }
  /** The number of access tokens issued since the start or the last reset, by user id. */
  readonly #granted = new Map<string, number>()
  readonly #access = new Map<string, AccessRecord>()
  readonly #refresh = new Map<string, RefreshRecord>()

  addAccessToken (id: string, record: Omit<AccessRecord, 'ended'>): void {
    this.#access.set(id, { ...record, ended: false })
    this.#granted.set(record.userId, this.granted(record.userId) + 1)
  }

  addRefreshToken (id: string, record: Omit<RefreshRecord, 'state'>): void {
    this.#refresh.set(id, { ...record, state: 'live' })
  }

  useRefreshToken (id: string): void {
    const record = this.#refresh.get(id)
    if (record) record.state = 'used'
  }

  /** Returns the record of an access token, unless the token has expired or it or its grant was ended. */
  accessToken (id: string): AccessRecord | undefined {
    const record = this.#access.get(id)
    return record?.ended === false && record.endsAt > Date.now() ? record : undefined
  }

  /** Ends every access token issued so far. Refresh tokens stay valid. */
  endAccessTokens (): void {
    for (const record of this.#access.values()) record.ended = true
  }

  endGrant (grantId: string): void {
    for (const record of this.#access.values()) if (record.grantId === grantId) record.ended = true
    for (const record of this.#refresh.values()) if (record.grantId === grantId) record.state = 'dead'
  }

  grantsOf (userId: string): string[] {
    const records = [...this.#access.values(), ...this.#refresh.values()]
    return [...new Set(records.filter(record => record.userId === userId).map(record => record.grantId))]
  }

  /** The number of access tokens issued to a user since the start or the last reset. */
  granted (userId: string): number {
    return this.#granted.get(userId) ?? 0
  }

  /** The number of a user's grants with a valid token. */
  liveGrants (userId: string): number {
    const now = Date.now()
    const access = [...this.#access.values()].filter(({ ended, endsAt }) => !ended && endsAt > now)
    const refresh = [...this.#refresh.values()].filter(({ state, expiresAt }) => state === 'live' && expiresAt > now)
    return new Set([...access, ...refresh].filter(record => record.userId === userId).map(({ grantId }) => grantId)).size
  }

  /** The number of a user's valid refresh tokens. */
  liveRefreshTokens (userId: string): number {
    let count = 0
    for (const record of this.#refresh.values()) {
      if (record.userId === userId && record.state === 'live' && record.expiresAt > Date.now()) count++
    }
    return count
  }

  resetCounts (): void {
    this.counts = { ...noCounts }
    this.#granted.clear()
  }
}
