/** Headers of one connection: RFC 9110, section 7.6.1, and what older peers still send. */
export const hopByHop = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection',
  'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings'
])

const notForTheTenant = new Set([
  'host', 'expect', 'cookie', 'authorization', 'forwarded', 'qlik-csrf-token', 'qlik-web-integration-id', 'x-real-ip',
  // Frameworks take them for the method: it would be another one than was judged.
  'x-http-method', 'x-http-method-override', 'x-method-override',
  'qlik-gateway-session', 'qlik-gateway-proof',
  // The tenant compares them with the origins of the OAuth client and refuses pages that it does not know.
  'origin', 'referer'
])
const prefixesNotForTheTenant = ['x-forwarded-', 'x-auth-', 'x-original-', 'x-rewrite-']

/** Whether a client's header, by its name in lower case, is passed on to the tenant. */
export function mayReachTenant (name: string): boolean {
  // Servers behind CGI-like interfaces read `x_forwarded_for` and `x.forwarded.for` as `x-forwarded-for`.
  const canonical = name.replace(/[._]/g, '-')
  return !hopByHop.has(canonical) && !notForTheTenant.has(canonical) &&
    !prefixesNotForTheTenant.some(prefix => canonical.startsWith(prefix))
}
