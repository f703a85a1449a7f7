/** A query, with its question mark or empty, without the parameters of these names in any spelling; every other byte stays. */
export function dropParameters (query: string, names: RegExp): string {
  if (query === '') return query
  const pairs = query.slice(1).split('&')
  const kept = pairs.filter(pair => !names.test(decodeName(pair)))
  if (kept.length === pairs.length) return query
  return kept.length === 0 ? '' : `?${kept.join('&')}`
}

/** A token or a ticket that a client sends in the query must not reach the tenant's logs, nor compete with the session's. */
export const tokenParameter = /^(?:access_?token|qlik-gateway-ticket)$/i

function decodeName (pair: string): string {
  const name = pair.split('=', 1)[0] as string
  return name.replaceAll('+', ' ').replace(/%([0-9a-f]{2})/gi, (_match, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}
