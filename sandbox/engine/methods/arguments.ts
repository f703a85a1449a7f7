import { EngineError, ErrorCode } from '../error.js'
import { isObject, type JsonObject } from '../json.js'

/** The parameters of a request. Clients send them by position or by name. */
export class Arguments {
  readonly #values: JsonObject

  constructor (names: readonly string[], params: unknown) {
    if (Array.isArray(params)) this.#values = Object.fromEntries(names.map((name, index) => [name, params[index] as unknown]))
    else if (isObject(params)) this.#values = params
    else if (params === undefined || params === null) this.#values = {}
    else throw invalid('params', 'an array or an object')
  }

  /** Reads a text. If it is missing, returns `fallback` or throws an EngineError. */
  text (name: string, fallback?: string): string {
    const value = this.#values[name] ?? fallback
    if (typeof value !== 'string') throw invalid(name, 'a text')
    return value
  }

  /** Reads a number. The default is 0. */
  number (name: string): number {
    const value = this.#values[name] ?? 0
    if (typeof value !== 'number') throw invalid(name, 'a number')
    return value
  }

  /** Reads a boolean. The default is false. */
  flag (name: string): boolean {
    const value = this.#values[name] ?? false
    if (typeof value !== 'boolean') throw invalid(name, 'true or false')
    return value
  }

  /** Reads a list of numbers. The default is an empty list. */
  numbers (name: string): number[] {
    const value = this.#values[name] ?? []
    if (!Array.isArray(value) || !value.every(item => typeof item === 'number')) throw invalid(name, 'a list of numbers')
    return value
  }

  /** Reads a list of texts. The default is an empty list. */
  texts (name: string): string[] {
    const value = this.#values[name] ?? []
    if (!Array.isArray(value) || !value.every(item => typeof item === 'string')) throw invalid(name, 'a list of texts')
    return value
  }

  /** Reads an object. Throws an EngineError if it is missing. */
  object (name: string): JsonObject {
    const value = this.#values[name]
    if (!isObject(value)) throw invalid(name, 'an object')
    return value
  }

  /** Reads a list of objects. The default is an empty list. */
  objects (name: string): JsonObject[] {
    const value = this.#values[name] ?? []
    if (!Array.isArray(value) || !value.every(isObject)) throw invalid(name, 'a list of objects')
    return value
  }
}

function invalid (name: string, expected: string): EngineError {
  return new EngineError(ErrorCode.INVALID_PARAMETERS, name, `Invalid method parameter(s): ${name} has to be ${expected}.`)
}
