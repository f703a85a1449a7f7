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
  /** Grants a user can have alive at a time; 0 is no cap. */
  maximalTokensPerUser: number
  /** Calls of token and revocation endpoint per client; 0 is no limit. */
  tokenCallsPerMinute: number
  /** Calls of the API per user; 0 is no limit. */
  apiCallsPerMinute: number
  /** Reports asked for per user; 0 is no limit. */
  reportsPerMinute: number
  /** Whether the redirect back to the client carries `iss` (RFC 9207). */
  issuerOnRedirect: boolean
  /** Status of an impersonation whose user the tenant does not know. Nobody has seen which one a real tenant takes. */
  unknownUserStatus: 400 | 403 | 404
  /**
   * Fields a revocation may have. Anything else gets 400.
   * `any`: all; `credentials`: token, client_id and client_secret; `hint`: token and token_type_hint, the client in the header.
   */
  revocationFields: 'any' | 'credentials' | 'hint'
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
  issuerOnRedirect: false,
  unknownUserStatus: 404,
  revocationFields: 'any'
}

const choices: { [name in keyof Settings]?: readonly Settings[name][] } = {
  expiryStyle: ['both', 'expires_in', 'expires_at', 'none'],
  unknownUserStatus: [400, 403, 404],
  revocationFields: ['any', 'credentials', 'hint']
}

/** Throws what is wrong with changes of settings that come from elsewhere. */
export function checkSettings (changes: Partial<Settings>): void {
  for (const [name, value] of Object.entries(changes)) {
    if (!isSetting(name)) throw new Error(`There is no setting "${name}". Settings: ${Object.keys(defaultSettings).join(', ')}.`)
    if (typeof value !== typeof defaultSettings[name]) throw new Error(`Setting "${name}" takes a ${typeof defaultSettings[name]}.`)
    const allowed: readonly unknown[] = choices[name] ?? [value]
    if (!allowed.includes(value)) throw new Error(`Setting "${name}" takes one of ${allowed.join(', ')}.`)
  }
}

function isSetting (name: string): name is keyof Settings {
  return name in defaultSettings
}
