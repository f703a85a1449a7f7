import { createRequire } from 'node:module'

/** A pattern of paths (https://urlpattern.spec.whatwg.org). */
export interface PathPattern {
  test (input: { pathname: string }): boolean
}

interface Ponyfill { URLPattern: new (init: { pathname: string }) => PathPattern }

/**
 * Reads a pattern; raises TypeError for what is none. The same implementation under every version of Node, so that nothing passes under one and
 * not under another; it is loaded by those who use it.
 */
export function createPathPattern (pathname: string): PathPattern {
  const { URLPattern } = createRequire(import.meta.url)('urlpattern-polyfill/urlpattern') as Ponyfill
  return new URLPattern({ pathname })
}
