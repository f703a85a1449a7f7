import { readMembers } from './members.js'
import type { MessageText } from './payload.js'

/** A JSON-RPC 2.0 request to the engine that every parser reads alike. */
export interface EngineRequest {
  id: number
  handle: number
  method: string
  /** In JSON, as they were sent. */
  params: string | undefined
}

/** What a message is: a request, or something else, whose id an error can name if there is one. */
export type ReadRequest = { request: EngineRequest } | { request: undefined, id: number | null }

// What Qlik's clients send. A reader that ignores case could take another name for one of these. With their quotes, and without escapes.
const knownMembers: ReadonlySet<string> = new Set(
  ['jsonrpc', 'id', 'method', 'handle', 'params', 'delta', 'return_empty'].map(name => `"${name}"`)
)
const wholeNumber = /^(?:-?[1-9]\d{0,14}|0)$/
const plainName = /^"[A-Za-z]{1,64}"$/

/**
 * Reads a message strictly: one object, no member twice at any depth, only known members, names without escapes, whole numbers as ids and
 * handles. JSON leaves the rest to its parsers (RFC 8259, sections 4 and 6), and that of the engine may differ from this one.
 */
export function readRequest ({ text, isPrintable }: MessageText): ReadRequest {
  const members = readMembers(text, isPrintable)
  if (members === undefined) return { request: undefined, id: findId(text) }
  const { names, values } = members
  const valueOf = (name: string) => values[names.indexOf(name)]
  const [id = '', handle = '', method = ''] = [valueOf('"id"'), valueOf('"handle"'), valueOf('"method"')]
  const isPlain = wholeNumber.test(id) && wholeNumber.test(handle) && plainName.test(method) && names.every(name => knownMembers.has(name))
  return isPlain
    ? { request: { id: Number(id), handle: Number(handle), method: method.slice(1, -1), params: valueOf('"params"') } }
    : { request: undefined, id: findId(text) }
}

/** The id of a message that is refused, which says to its sender which one that is. */
function findId (text: string): number | null {
  try {
    const { id } = Object(JSON.parse(text)) as { id?: unknown }
    return Number.isInteger(id) && Math.abs(id as number) < 1e15 ? id as number : null
  } catch {
    return null
  }
}
