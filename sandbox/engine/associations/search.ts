import type { FieldValue } from './model.js'

/**
 * Whether a value matches a search string: `>10` and `<=5` compare numbers, `*` and `?` are wildcards, and words match
 * at the beginning of words. Case is ignored.
 */
export function matchValue (value: FieldValue | undefined, search: string): boolean {
  if (value === undefined) return false
  const comparison = /^\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)\s*$/.exec(search)
  if (comparison !== null) return compareNumber(value.number, comparison[1], Number(comparison[2]))
  if (/[*?]/.test(search)) return toPattern(search).test(value.text)
  return search.trim().split(/\s+/).some(word => new RegExp(`(^|[^\\p{L}\\p{N}])${escape(word)}`, 'iu').test(value.text))
}

/**
 * Whether a value is meant by a selection by text, which names a whole text, a pattern with wildcards, or a comparison.
 */
export function matchWhole (value: FieldValue, match: string): boolean {
  if (/^\s*[<>]/.test(match)) return matchValue(value, match)
  const alternatives = /^\s*\((.*)\)\s*$/.exec(match)?.[1]?.split('|') ?? [match]
  return alternatives.some(alternative => toPattern(alternative.replace(/^"(.*)"$/, '$1')).test(value.text))
}

function toPattern (wildcards: string): RegExp {
  return new RegExp(`^${escape(wildcards).replaceAll('\\*', '.*').replaceAll('\\?', '.')}$`, 'isu')
}

function escape (text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}

function compareNumber (number: number, operator: string | undefined, limit: number): boolean {
  switch (operator) {
    case '>': return number > limit
    case '>=': return number >= limit
    case '<': return number < limit
    default: return number <= limit
  }
}
