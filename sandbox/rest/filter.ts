import { Refusal } from '../front/errors.js'

const comparison = /^\s*(?<field>\w+)\s+eq\s+(?<value>"(?:[^"\\]|\\.)*")\s*$/i

/**
 * Makes a predicate from a list's `filter`: `field eq "value"` (RFC 7644, section 3.4.2.2), ignoring case as a tenant
 * does. Without a filter everything matches. Throws a 400 for any other filter.
 */
export function readFilter (filter: string | undefined, fields: readonly string[]): (item: object) => boolean {
  if (filter === undefined) return () => true
  const { field, value } = comparison.exec(filter)?.groups ?? {}
  if (field === undefined || value === undefined || !fields.includes(field)) {
    throw new Refusal(400, 'FILTER-400', 'Bad request', `A filter is as ${fields[0] ?? 'id'} eq "value", by ${fields.join(', ')}.`)
  }
  const wanted = parseString(value).toLowerCase()
  return item => Object.entries(item).some(([name, found]) => name === field && String(found).toLowerCase() === wanted)
}

function parseString (text: string): string {
  try {
    return String(JSON.parse(text))
  } catch {
    throw new Refusal(400, 'FILTER-400', 'Bad request', 'The value of the filter is no JSON string.')
  }
}
