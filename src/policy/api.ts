import type { Rule } from './access.js'
import { bootCalls, embedCalls } from './api-lists.js'
import { createPathPattern } from './path-pattern.js'

/** The entry that stands for all calls of Qlik's embedded clients. */
const embedList = 'embed'

const entryForm = /^(?:GET|POST|PUT|PATCH|DELETE|OPTIONS|\*) \/api\/\S+$/

/** Whether text is an entry: a method, or `*` for all, and a pattern of paths; or `embed`. */
export function isApiEntry (text: string): boolean {
  if (text === embedList) return true
  if (!entryForm.test(text)) return false
  try {
    compile(text)
    return true
  } catch {
    return false
  }
}

function compile (entry: string) {
  const [method, pathname] = entry.split(' ') as [string, string]
  return { method, pattern: createPathPattern(pathname) }
}

// A parameter of a pattern (`:id`) would match an encoded separator, which another server may read as one more segment. The rest are
// letters, digits and punctuation that need no encoding.
const oddEncoding = /;|%(?:2[35DEFdef]|3[0-9BFbf]|4[1-9A-Fa-f]|5[0-9ACFacf]|6[1-9A-Fa-f]|7[0-9AEae])/

/** Allows only these calls below `/api`, and those that Qlik's clients begin with. An entry for GET allows HEAD. */
export function allowApi (entries: readonly string[]): Rule {
  const allowed = [...bootCalls, ...entries.flatMap(entry => entry === embedList ? embedCalls : [entry])].map(compile)
  return ({ kind, method, path }) => {
    if (kind !== 'rest') return 'allow'
    const asked = method === 'HEAD' ? 'GET' : method
    const isListed = allowed.some(entry => (entry.method === asked || entry.method === '*') && entry.pattern.test({ pathname: path }))
    return isListed && !oddEncoding.test(path) ? 'allow' : 'GW-POLICY-API'
  }
}
