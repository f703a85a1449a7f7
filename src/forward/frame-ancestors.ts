/** A tenant's content security policies with their `frame-ancestors` replaced by `allowed`; every other directive stays. */
export function replaceFrameAncestors (policies: string | string[] | undefined, allowed: string): string[] {
  // Each policy of a list applies on its own, and the strictest wins: none may keep its old directive.
  const kept = [policies ?? []].flat().flatMap(header => header.split(','))
    .map(policy => policy.split(';').filter(directive => !/^\s*frame-ancestors(\s|$)/i.test(directive)).join(';').trim())
    .filter(policy => policy !== '')
  return [...kept, `frame-ancestors ${allowed}`]
}
