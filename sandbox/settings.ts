/** Settings that can be changed while the tenant runs. */
export interface Settings {
  /** The lifetime of new access tokens. */
  accessTokenSeconds: number
  /** The minimal size of access tokens, which are padded. 0 for no padding. */
  accessTokenBytes: number
  refreshTokenBytes: number
  /** Whether a token response contains expires_in or expires_at. */
  expiryStyle: 'both' | 'expires_in' | 'expires_at' | 'none'
  rotateRefreshTokens: boolean
  /** The maximal number of active grants per user. 0 for no limit. */
  maximalTokensPerUser: number
  /** Calls of the token and revocation endpoints per minute and client. 0 for no limit. */
  tokenCallsPerMinute: number
  /** API calls per minute and user. 0 for no limit. */
  apiCallsPerMinute: number
  /** Reports per minute and user. 0 for no limit. */
  reportsPerMinute: number
  /** Whether the redirect to the client contains `iss` (RFC 9207). */
  issuerOnRedirect: boolean
  /** The status for an impersonation of an unknown user. What a real tenant returns is not known. */
  unknownUserStatus: 400 | 403 | 404
  /**
   * The fields that a revocation may contain; others get 400. `any`: all. `credentials`: token, client_id and
   * client_secret. `hint`: token and token_type_hint, with the client in the header.
   */
  revocationFields: 'any' | 'credentials' | 'hint'
}

/** The initial settings. */
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

/** Throws an error if settings from outside are invalid. */
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
