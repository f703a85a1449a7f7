interface AccessRecord { grantId: string, userId: string, clientId: string, endsAt: number, ended: boolean }
interface RefreshRecord { grantId: string, userId: string, expiresAt: number, state: 'live' | 'used' | 'dead' }

/** How often each thing happened at the token and revocation endpoints. */
export interface GrantCounts { authorization_code: number, refresh_token: number, revoke: number, refused: number }

/** Remembers what was issued under which grant: JWT access tokens are stored nowhere else, yet must die with their grant. */
export class TokenLedger {
  counts: GrantCounts = { authorization_code: 0, refresh_token: 0, revoke: 0, refused: 0 }
  readonly #access = new Map<string, AccessRecord>()
  readonly #refresh = new Map<string, RefreshRecord>()

  addAccessToken (id: string, record: Omit<AccessRecord, 'ended'>): void {
    this.#access.set(id, { ...record, ended: false })
  }

  addRefreshToken (id: string, record: Omit<RefreshRecord, 'state'>): void {
    this.#refresh.set(id, { ...record, state: 'live' })
  }

  useRefreshToken (id: string): void {
    const record = this.#refresh.get(id)
    if (record) record.state = 'used'
  }

  /** The access token's record until its life is over or it or its grant was ended. */
  accessToken (id: string): AccessRecord | undefined {
    const record = this.#access.get(id)
    return record?.ended === false && record.endsAt > Date.now() ? record : undefined
  }

  endAccessToken (id: string): void {
    const record = this.#access.get(id)
    if (record) record.ended = true
  }

  /** Ends every access token issued so far; refresh tokens go on. */
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

  /** Refresh tokens of a user that still work. */
  liveRefreshTokens (userId: string): number {
    let count = 0
    for (const record of this.#refresh.values()) {
      if (record.userId === userId && record.state === 'live' && record.expiresAt > Date.now()) count++
    }
    return count
  }

  resetCounts (): void {
    this.counts = { authorization_code: 0, refresh_token: 0, revoke: 0, refused: 0 }
  }
}
