/** A JSON-RPC 2.0 request to the engine that every parser reads alike. */
export interface EngineRequest {
  id: number
  handle: number
  method: string
  params: unknown
}

/** What a message is: a request, or something else, whose id an error can name if there is one. */
export type ReadRequest = { request: EngineRequest } | { request: undefined, id: number | null }

// What Qlik's clients send. A reader that ignores case could take another name for one of these.
const members: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'handle', 'params', 'delta', 'return_empty'])
const wholeNumber = /^(?:-?[1-9]\d{0,14}|0)$/
const plainName = /^[A-Za-z]{1,64}$/

/**
 * Reads a message strictly: one object, no member twice at any depth, only known members, names without escapes, whole numbers as ids and
 * handles. JSON leaves the rest to its parsers (RFC 8259, sections 4 and 6), and that of the engine may differ from this one.
 */
export function readRequest (text: string): ReadRequest {
  const parsed = parse(text)
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return { request: undefined, id: null }
  const { id: ownId, handle, method, params } = parsed as Record<string, unknown>
  const id = isWhole(ownId) ? ownId : null
  const isPlain = id !== null && isWhole(handle) && typeof method === 'string' && plainName.test(method) &&
    Object.keys(parsed).every(member => members.has(member)) && isReadAlike(text, parsed)
  return isPlain ? { request: { id, handle, method, params } } : { request: undefined, id }
}

function isWhole (value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(value as number) < 1e15
}

/** Whether every parser reads this text as JSON.parse did. */
function isReadAlike (text: string, parsed: object): boolean {
  // What browsers write has one reading: no member twice, no needless escape, numbers in one form.
  if (JSON.stringify(parsed) === text) return true
  const { top, count } = scan(text)
  return wholeNumber.test(top.get('"id"') ?? '') && wholeNumber.test(top.get('"handle"') ?? '') &&
    top.get('"method"')?.includes('\\') === false && [...top.keys()].every(member => members.has(member.slice(1, -1))) &&
    count === countMembers(parsed)
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Finds the members of the outermost object and their values, as written, and counts the members of all objects. The
 * text is valid JSON.
 */
function scan (text: string): { top: Map<string, string>, count: number } {
  const top = new Map<string, string>()
  let count = 0
  let depth = 0
  let begin = 0
  let colon = 0
  // Every message passes here, and a regular expression for the tokens takes five times as long as this loop.
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"') {
      at = endOfString(text, at)
    } else if (character === ':') {
      count++
      if (depth === 1) colon = at
    } else if (character === '{' || character === '[') {
      if (++depth === 1) begin = at + 1
    } else if (character === ',' || character === '}' || character === ']') {
      if (depth === 1) {
        top.set(text.slice(begin, colon).trim(), text.slice(colon + 1, at).trim())
        begin = at + 1
      }
      if (character !== ',') depth--
    }
  }
  return { top, count }
}

/** The position of the quote that ends the string which begins here. */
function endOfString (text: string, begin: number): number {
  for (let end = text.indexOf('"', begin + 1); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text[end - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return end
  }
}

/** The number of members of all objects in a value. JSON.parse keeps one member of each name, so a duplicate lowers it. */
function countMembers (value: object): number {
  let count = 0
  // No recursion, since the sender chooses the depth.
  const left: object[] = [value]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const values: unknown[] = Object.values(next)
    if (!Array.isArray(next)) count += values.length
    for (const inner of values) if (typeof inner === 'object' && inner !== null) left.push(inner)
  }
  return count
}
