import type { IncomingHttpHeaders } from 'node:http'
import type { Headers } from './headers.js'

// What is answered from JSON of the tenant depends on the tenant's version of it and on what its addresses are
// rewritten to. Its entity tags name both: `W/"gw-<version of the links>-<s or w>-<the tenant's tag>"`, where s is a
// strong tag of the tenant's and w a weak one.
const ownTag = /^(?:W\/)?"gw-([\w-]{8})-([sw])-(.*)"$/
const anyTag = /(?:W\/)?"[^"]*"/g

/** The tag for what a body becomes by this version of the links; undefined for what is no entity tag (RFC 9110, section 8.8.3). */
export function toBrowserTag (tag: string | undefined, version: string): string | undefined {
  const [, weak, text] = /^(W\/)?"([^"]*)"$/.exec(tag ?? '') ?? []
  return text === undefined ? undefined : `W/"gw-${version}-${weak === undefined ? 's' : 'w'}-${text}"`
}

/** Whether a request asked by a tag of this version, so that 304 tells it the same. */
export function asksByTag (headers: IncomingHttpHeaders, tag: string | undefined): boolean {
  return tag !== undefined && headers['if-none-match']?.includes(tag) === true
}

/**
 * Turns the tags of conditional headers into the tenant's. A body that was written by another version is not asked for
 * by its tag, since a 304 would revive it; what is to be overwritten is named by its tag whatever the version is.
 */
export function restoreConditions (headers: Headers, version: string): void {
  const { 'if-none-match': known, 'if-match': expected, 'if-range': partly } = headers
  if (typeof known === 'string' && known.includes('"gw-')) {
    const valid = restoreTags(known, each => each === version)
    if (valid === '') delete headers['if-none-match']
    else headers['if-none-match'] = valid
  }
  if (typeof expected === 'string' && expected.includes('"gw-')) headers['if-match'] = restoreTags(expected, () => true)
  // A part of the tenant's bytes fits into no body that was rewritten.
  if (typeof partly === 'string' && ownTag.test(partly)) {
    delete headers['if-range']
    delete headers.range
  }
}

function restoreTags (tags: string, isValid: (version: string) => boolean): string {
  return (tags.match(anyTag) ?? []).flatMap(tag => {
    const [, version, strength, text] = ownTag.exec(tag) ?? []
    if (version === undefined) return [tag]
    return isValid(version) ? [`${strength === 'w' ? 'W/' : ''}"${text}"`] : []
  }).join(', ')
}
