import { GatewayError } from '../errors.js'

/** The target of a request, validated once. All rules read these strings, and exactly these are forwarded. */
export interface Target {
  /** The path below the base path, byte for byte as it came, beginning with a slash. */
  readonly path: string
  /** The query with its question mark, byte for byte, or an empty string. */
  readonly query: string
}

// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const forbiddenInDecodedPath = /[\u0000-\u001f\u007f\\]/
// The URL parser of the tenant or of a proxy could rewrite these characters, and so read another path than was validated.
const forbiddenInTarget = /[^\u0021-\u007e]|#/
const separators = /[/\\]/
// Three rounds reveal double encoding. What is still encoded after them is data to every server.
const decodingRounds = 3

/**
 * Reads a request target in origin form (RFC 9112, section 3.2.1) below `basePath` ('' or '/qlik').
 * Raises GW-BAD-TARGET for what two servers could read differently, GW-NOT-FOUND outside of the base path.
 */
export function readTarget (url: string, basePath: string): Target {
  if (!url.startsWith('/') || forbiddenInTarget.test(url)) throw new GatewayError('GW-BAD-TARGET')
  const queryAt = url.indexOf('?')
  const whole = queryAt === -1 ? url : url.slice(0, queryAt)
  if (!isCanonicalPath(whole)) throw new GatewayError('GW-BAD-TARGET')
  if (!isBelow(whole, basePath)) throw new GatewayError('GW-NOT-FOUND')
  return { path: whole.slice(basePath.length) || '/', query: queryAt === -1 ? '' : url.slice(queryAt) }
}

/** Whether all servers read this path alike: no empty or dot segments in any spelling, no backslash, no malformed encoding. */
export function isCanonicalPath (path: string): boolean {
  if (path.includes('//') || path.includes('\\')) return false
  // Without an escape, a dot before or after a slash is the only way to a dot segment.
  if (!path.includes('%')) return !path.includes('/.') || !hasDotSegment(path)
  let decoded = path
  for (let round = 0; round < decodingRounds && decoded.includes('%'); round++) {
    try {
      decoded = decodeURIComponent(decoded)
    } catch {
      // Every server decodes once. In later rounds, `%` may be data that was encoded as `%25`.
      return round > 0
    }
    if ((round === 0 && forbiddenInDecodedPath.test(decoded)) || hasDotSegment(decoded)) return false
  }
  return true
}

/** Whether `path` is `prefix` itself or lies below it; an empty prefix holds everything. */
export function isBelow (path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || prefix === '' || path[prefix.length] === '/')
}

function hasDotSegment (path: string): boolean {
  return path.split(separators).some(segment => {
    // Some servers remove path parameters before they resolve dots: they read `..;x` as `..`.
    const name = segment.split(';', 1)[0]
    return name === '.' || name === '..'
  })
}
