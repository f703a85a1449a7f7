import type { Rule } from './access.js'

const plainValue = "(?:[\\w.~!$&'()*+,=:@-]|%(?!2[5Ff]|3[Bb]|5[Cc])[\\dA-Fa-f]{2})+"
// The addresses at which Qlik's clients open sockets. An encoded separator in the identity could be read as one more segment.
const enginePath = new RegExp(`^/app/([\\w.-]+)(?:/identity/${plainValue})?(?:/ttl/\\d+)?$`)
const apiPath = /^\/api\/v1\/apps\/([\w.-]+)(?:\/|$)/
const documentPath = /^\/sense\/app\/([\w.-]+)(?:\/|$)/

/**
 * Allows only these apps: on the engine's sockets, below `/api/v1/apps`, and in documents below `/sense/app`. If a server could read any
 * segment of the path as `apps`, by another case, encoding or path parameters, the path must match one of these addresses exactly.
 */
export function allowApps (ids: readonly string[]): Rule {
  const allowed = new Set(ids)
  const isAllowed = (path: string, pattern: RegExp) => allowed.has(pattern.exec(path)?.[1] as string)
  return ({ kind, path }) => {
    if (kind === 'engine') return isAllowed(path, enginePath) ? 'allow' : 'GW-POLICY-APP'
    const word = kind === 'rest' ? 'apps' : 'app'
    if (!looseSegments(path).includes(word)) return 'allow'
    return isAllowed(path, kind === 'rest' ? apiPath : documentPath) ? 'allow' : 'GW-POLICY-APP'
  }
}

/** The app of a path of the engine. */
export function appOf (enginePathname: string): string | undefined {
  return enginePath.exec(enginePathname)?.[1]
}

// As in admission/target.ts.
const decodingRounds = 3

/** The segments of a path as the most lenient server could read them, without anything but letters at their ends. */
function looseSegments (path: string): string[] {
  let decoded = path
  for (let round = 0; round < decodingRounds && decoded.includes('%'); round++) {
    decoded = decoded.replace(/(?:%[\da-f]{2})+/gi, bytes => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString())
  }
  const segments = decoded.normalize('NFKC').toLowerCase().split(/[/\\]/)
  return segments.map(segment => (segment.split(';', 1)[0] as string).replace(/^[^a-z]+|[^a-z]+$/g, ''))
}
