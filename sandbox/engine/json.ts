/** An object of parsed JSON whose shape is not known. */
export type JsonObject = Record<string, unknown>

/** Tells whether a value of parsed JSON is an object (not an array, not null). */
export function isObject (value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Copies a value of parsed JSON, so that the copy can be changed. */
export function copyJson<T> (value: T): T {
  return structuredClone(value)
}

/** Returns the value at a JSON pointer (RFC 6901) such as `/qMetaDef/title`, or undefined. */
export function readPointer (root: unknown, pointer: string): unknown {
  return splitPointer(pointer).reduce<unknown>((value, key) => {
    if (Array.isArray(value)) return value[Number(key)]
    return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
  }, root)
}

/** Splits a JSON pointer into its keys. */
export function splitPointer (pointer: string): string[] {
  return pointer.split('/').filter(key => key !== '').map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'))
}
