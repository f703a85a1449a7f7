import { createRequire } from 'node:module'

/** A pattern of paths (https://urlpattern.spec.whatwg.org). */
export interface PathPattern {
  test (input: { pathname: string }): boolean
}

interface Ponyfill { URLPattern: new (init: { pathname: string }) => PathPattern }

/**
 * Reads a pattern; raises TypeError for what is none. Node's own URLPattern is not used, since its versions could match differently. The
 * module is loaded only where a policy has patterns.
 */
export function createPathPattern (pathname: string): PathPattern {
  const { URLPattern } = createRequire(import.meta.url)('urlpattern-polyfill/urlpattern') as Ponyfill
  return new URLPattern({ pathname })
}
