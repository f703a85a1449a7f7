// Types for pages that load /gateway/embed.js: import 'qlik-embed-gateway/embed' for its declarations alone.

/** What `GET /gateway/session` tells. Never a token. */
export type GatewaySession =
  | { authenticated: false, loginUrl: string }
  | {
    authenticated: true
    user: ({ id: string } & Record<string, unknown>) | null
    expiresAt: string
    loginUrl: string
    logoutUrl: string
    csrfToken: string
  }

/**
 * The detail of the event `qlik-gateway` on the window. Cancel `signed-in` to keep the page from loading anew after a
 * session that had ended.
 */
export type GatewayEventDetail = { type: 'signed-in' } | { type: 'signed-out' } | { type: 'expiring', expiresAt: string }

/** The auth module of @qlik/api and qlik-embed that signs in through the gateway which served the script. */
export interface QlikGateway {
  requiredProps: never[]
  optionalProps: never[]
  getRestCallAuthParams (props: { method: string }): Promise<{
    headers: Record<string, string>
    queryParams: Record<string, string>
    credentials: 'include' | 'omit'
  }>
  getWebSocketAuthParams (props?: object): Promise<{ queryParams: Record<string, string> }>
  getWebResourceAuthParams (props?: object): Promise<{ queryParams: Record<string, string> }>
  handleAuthenticationError (props: { status: number, canRetry: boolean }): Promise<{ retry?: boolean }>
  /**
   * Who is signed in, and until when; and whether the session is in a cookie, or in the page because its browser keeps
   * no cookie for it.
   */
  session (): Promise<GatewaySession & { way: 'cookie' | 'page' }>
  /** Resolves once there is a session; shows the button while there is none. */
  signIn (): Promise<void>
  /** Ends the session in every tab. */
  signOut (): Promise<void>
}

declare global {
  interface Window { qlikGateway: QlikGateway }
  var qlikGateway: QlikGateway
  interface WindowEventMap { 'qlik-gateway': CustomEvent<GatewayEventDetail> }
  interface QlikAuthModules { qlikGateway: { config: object } }
}
