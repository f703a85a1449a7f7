/** Replaces `frame-ancestors` in a tenant's content security policies by `allowed`. Every other directive stays. */
export function replaceFrameAncestors (policies: string | string[] | undefined, allowed: string): string[] {
  // Each policy of a list applies by itself, and the strictest wins, so the directive is removed from all of them.
  const kept = [policies ?? []].flat().flatMap(header => header.split(','))
    .map(policy => policy.split(';').filter(directive => !/^\s*frame-ancestors(\s|$)/i.test(directive)).join(';').trim())
    .filter(policy => policy !== '')
  return [...kept, `frame-ancestors ${allowed}`]
}
