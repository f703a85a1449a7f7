import { EngineError, ErrorCode } from './error.js'
import { copyJson, isObject, readPointer, splitPointer, type JsonObject } from './json.js'

/** One change to properties. `value` is JSON, as in `ApplyPatches`. */
export interface Patch {
  op: 'add' | 'replace' | 'remove'
  path: string
  value: string
}

// The engine accepts operations by name or by number.
const OPERATIONS: Record<string, Patch['op']> = { add: 'add', replace: 'replace', remove: 'remove', 0: 'add', 1: 'remove', 2: 'replace' }

/** Reads the patches of a request. Throws an EngineError for an invalid operation or value. */
export function readPatches (patches: JsonObject[]): Patch[] {
  return patches.map(({ qOp, qPath, qValue }) => {
    const op = typeof qOp === 'string' || typeof qOp === 'number' ? OPERATIONS[String(qOp).toLowerCase()] : 'add'
    if (op === undefined || typeof qPath !== 'string') {
      throw invalid(`A patch needs qOp add, replace or remove, and a qPath, not ${JSON.stringify({ qOp, qPath })}.`)
    }
    return { op, path: qPath, value: typeof qValue === 'string' ? qValue : 'null' }
  })
}

/** Returns a copy of `properties` with the patches applied in order. */
export function applyPatches<T extends JsonObject> (properties: T, patches: Patch[]): T {
  const copy = copyJson(properties)
  for (const patch of patches) applyPatch(copy, patch)
  return copy
}

function applyPatch (root: JsonObject, { op, path, value }: Patch): void {
  const keys = splitPointer(path)
  const key = keys.pop()
  const parent = readPointer(root, `/${keys.map(escapeKey).join('/')}`)
  if (key === undefined || key === '__proto__' || (!isObject(parent) && !Array.isArray(parent))) {
    throw new EngineError(ErrorCode.INVALID_PATH, path, `Nothing can be patched at ${path}: the path leads nowhere.`)
  }
  if (Array.isArray(parent)) {
    const index = key === '-' ? parent.length : Number(key)
    parent.splice(index, op === 'add' ? 0 : 1, ...(op === 'remove' ? [] : [parse(value)]))
  } else if (op === 'remove') {
    delete parent[key]
  } else {
    parent[key] = parse(value)
  }
}

function parse (value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    throw invalid(`The qValue of a patch is JSON text, which ${value.slice(0, 100)} is not.`)
  }
}

function escapeKey (key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

function invalid (message: string): EngineError {
  return new EngineError(ErrorCode.INVALID_PARAMETERS, 'qPatches', message)
}
