/**
 * Removes the parameters with these names, in any spelling, from a query (with its question mark, or empty). Every
 * other byte stays.
 */
export function dropParameters (query: string, names: RegExp): string {
  if (query === '') return query
  const pairs = query.slice(1).split('&')
  const kept = pairs.filter(pair => !names.test(decodeName(pair)))
  if (kept.length === pairs.length) return query
  return kept.length === 0 ? '' : `?${kept.join('&')}`
}

/**
 * A token or a ticket in a client's query must neither reach the tenant's logs nor compete with the token of the
 * session.
 */
export const tokenParameter = /^(?:access_?token|qlik-gateway-ticket)$/i

function decodeName (pair: string): string {
  const name = pair.split('=', 1)[0] as string
  return name.replaceAll('+', ' ').replace(/%([0-9a-f]{2})/gi, (_match, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}
