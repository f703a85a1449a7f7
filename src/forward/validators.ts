import type { IncomingHttpHeaders } from 'node:http'
import type { Headers } from './headers.js'

// An answer that is made from the tenant's JSON depends on the tenant's version of it and on the addresses that are
// written into it. Its entity tag names both: `W/"gw-<version of the links>-<s or w>-<the tenant's tag>"`, where s and
// w stand for a strong or a weak tag of the tenant.
const ownTag = /^(?:W\/)?"gw-([\w-]{8})-([sw])-(.*)"$/
const anyTag = /(?:W\/)?"[^"]*"/g

/**
 * The entity tag of a body after rewriting. Undefined if the tenant's value is no entity tag (RFC 9110, section 8.8.3).
 */
export function toBrowserTag (tag: string | undefined, version: string): string | undefined {
  const [, weak, text] = /^(W\/)?"([^"]*)"$/.exec(tag ?? '') ?? []
  return text === undefined ? undefined : `W/"gw-${version}-${weak === undefined ? 's' : 'w'}-${text}"`
}

/** Whether a request is conditional on a tag of this version, so that a 304 is correct. */
export function asksByTag (headers: IncomingHttpHeaders, tag: string | undefined): boolean {
  return tag !== undefined && headers['if-none-match']?.includes(tag) === true
}

/**
 * Replaces the tags in conditional headers by the tenant's. If-None-Match loses tags of other versions, because a 304
 * would confirm an outdated body. If-Match keeps them, because the stored document is meant whatever the version.
 */
export function restoreConditions (headers: Headers, version: string): void {
  const { 'if-none-match': known, 'if-match': expected, 'if-range': partly } = headers
  if (typeof known === 'string' && known.includes('"gw-')) {
    const valid = restoreTags(known, each => each === version)
    if (valid === '') delete headers['if-none-match']
    else headers['if-none-match'] = valid
  }
  if (typeof expected === 'string' && expected.includes('"gw-')) headers['if-match'] = restoreTags(expected, () => true)
  // A range of the tenant's bytes does not fit a rewritten body.
  if (typeof partly === 'string' && ownTag.test(partly)) {
    delete headers['if-range']
    delete headers.range
  }
}

function restoreTags (tags: string, isValid: (version: string) => boolean): string {
  return [...tags.matchAll(anyTag)].flatMap(([tag]) => {
    const [, version, strength, text] = ownTag.exec(tag) ?? []
    if (version === undefined) return [tag]
    return isValid(version) ? [`${strength === 'w' ? 'W/' : ''}"${text}"`] : []
  }).join(', ')
}
