import type { ErrorCode } from '../errors.js'
import { isBelow } from '../admission/target.js'

/** What a request asks for, as far as rules read it: the validated path, never the query or a header. */
export interface Access {
  /** A call of the API, a socket of the engine, or a document for frames. */
  readonly kind: 'rest' | 'engine' | 'document'
  readonly method: string
  /** Canonical, below the base path, byte for byte as it is forwarded. */
  readonly path: string
}

export type Decision = 'allow' | ErrorCode

/** One rule of a policy: a pure function of what is asked for. */
export type Rule = (access: Access) => Decision

/** The kind of a path that is forwarded with a session. */
export function kindOf (path: string): Access['kind'] {
  if (isBelow(path, '/app')) return 'engine'
  return isBelow(path, '/api') ? 'rest' : 'document'
}
