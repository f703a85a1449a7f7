/** Headers of one connection: those of RFC 9110, section 7.6.1, and older ones. */
export const hopByHop = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection',
  'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings'
])

const notForTheTenant = new Set([
  'host', 'expect', 'cookie', 'authorization', 'forwarded', 'qlik-csrf-token', 'qlik-web-integration-id', 'x-real-ip',
  // Frameworks may replace the method by one of these, which would bypass the checks that were made for the real
  // method.
  'x-http-method', 'x-http-method-override', 'x-method-override',
  'qlik-gateway-session', 'qlik-gateway-proof',
  // The tenant compares them with the origins of the OAuth client and would refuse pages that it does not know.
  'origin', 'referer'
])
const prefixesNotForTheTenant = ['x-forwarded-', 'x-auth-', 'x-original-', 'x-rewrite-']

/** Whether a client's header is passed on to the tenant. The name must be in lower case. */
export function mayReachTenant (name: string): boolean {
  // Servers with CGI-like interfaces treat `x_forwarded_for` and `x.forwarded.for` as `x-forwarded-for`.
  const canonical = name.replace(/[._]/g, '-')
  return !hopByHop.has(canonical) && !notForTheTenant.has(canonical) &&
    !prefixesNotForTheTenant.some(prefix => canonical.startsWith(prefix))
}
