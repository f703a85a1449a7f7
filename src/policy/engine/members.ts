/** The members of an object, as they are written: names with their quotes, and the value of each. */
export interface Members { names: readonly string[], values: readonly string[] }

/**
 * Reads the object that a text of JSON (RFC 8259) is. Undefined for what is none, is nested deeper than 100 levels, or has a member
 * twice, at any depth: parsers differ in which of the two they take. `isPrintable`: no control character is in the text.
 */
export function readMembers (text: string, isPrintable: boolean): Members | undefined {
  return new Reader(text, isPrintable && !text.includes('\\')).read()
}

/** How deep values may be nested: deeper than any of Qlik's, and not so deep that the stack of a parser ends. */
const deepest = 100

// Each message of a browser passes here, and numbers are compared faster than strings.
const quote = 0x22
const comma = 0x2c
const minus = 0x2d
const point = 0x2e
const [zero, nine] = [0x30, 0x39]
const colon = 0x3a
const [openBracket, closeBracket] = [0x5b, 0x5d]
const [openBrace, closeBrace] = [0x7b, 0x7d]
const [tab, lineFeed, carriageReturn, space] = [0x09, 0x0a, 0x0d, 0x20]
const letters = { e: 0x65, E: 0x45, f: 0x66, n: 0x6e, t: 0x74 } as const

/** Of so many names an array is searched faster than a set is made. */
const mostInArray = 20

const fraction = /(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** Its methods move behind what they read and the space behind that; they return false, or undefined, where that does not stand there. */
class Reader {
  readonly #text: string
  /** Whether each string ends at the next quote, and holds nothing that a string may not. */
  readonly #isPlain: boolean
  /** Those of the outermost object. */
  readonly #names: string[] = []
  readonly #values: string[] = []
  #at = 0

  constructor (text: string, isPlain: boolean) {
    this.#text = text
    this.#isPlain = isPlain
  }

  read (): Members | undefined {
    this.#skipSpace()
    return this.#readObject(0) && this.#at === this.#text.length ? { names: this.#names, values: this.#values } : undefined
  }

  #readValue (depth: number): boolean {
    if (depth > deepest) return false
    switch (this.#text.charCodeAt(this.#at)) {
      case quote: return this.#readString() !== undefined
      case openBrace: return this.#readObject(depth)
      case openBracket: return this.#readArray(depth)
      case letters.t: return this.#readWord('true')
      case letters.f: return this.#readWord('false')
      case letters.n: return this.#readWord('null')
      default: return this.#readNumber()
    }
  }

  #readObject (depth: number): boolean {
    if (!this.#take(openBrace)) return false
    if (this.#take(closeBrace)) return true
    const names: string[] = []
    let many: Set<string> | undefined
    do {
      const written = this.#readString()
      if (written === undefined || !this.#take(colon)) return false
      const name = this.#isPlain ? written : JSON.parse(written) as string
      if (many?.has(name) ?? names.includes(name)) return false
      names.push(name)
      if (names.length > mostInArray) many = (many ?? new Set(names)).add(name)
      const begin = this.#at
      if (!this.#readValue(depth + 1)) return false
      if (depth === 0) {
        this.#names.push(written)
        this.#values.push(this.#text.slice(begin, this.#at))
      }
    } while (this.#take(comma))
    return this.#take(closeBrace)
  }

  #readArray (depth: number): boolean {
    this.#take(openBracket)
    if (this.#take(closeBracket)) return true
    do {
      if (!this.#readValue(depth + 1)) return false
    } while (this.#take(comma))
    return this.#take(closeBracket)
  }

  /** Returns the string with its quotes. */
  #readString (): string | undefined {
    const text = this.#text
    const begin = this.#at
    if (text.charCodeAt(begin) !== quote) return undefined
    let end = text.indexOf('"', begin + 1)
    while (!this.#isPlain && isEscaped(text, end)) end = text.indexOf('"', end + 1)
    if (end === -1) return undefined
    const written = text.slice(begin, end + 1)
    if (!this.#isPlain && !isString(written)) return undefined
    this.#at = end + 1
    this.#skipSpace()
    return written
  }

  #readNumber (): boolean {
    const text = this.#text
    if (text.charCodeAt(this.#at) === minus) this.#at++
    const begin = this.#at
    const first = text.charCodeAt(begin)
    let code = first
    while (code >= zero && code <= nine) code = text.charCodeAt(++this.#at)
    const digits = this.#at - begin
    if (digits === 0 || (digits > 1 && first === zero)) return false
    if (code === point || code === letters.e || code === letters.E) {
      fraction.lastIndex = this.#at
      fraction.test(text)
      this.#at = fraction.lastIndex
    }
    this.#skipSpace()
    return true
  }

  #readWord (word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false
    this.#at += word.length
    this.#skipSpace()
    return true
  }

  #take (code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false
    this.#at++
    this.#skipSpace()
    return true
  }

  #skipSpace (): void {
    const text = this.#text
    for (let code = text.charCodeAt(this.#at); code <= space; code = text.charCodeAt(++this.#at)) {
      if (code !== space && code !== lineFeed && code !== carriageReturn && code !== tab) return
    }
  }
}

function isEscaped (text: string, at: number): boolean {
  let backslashes = 0
  while (text[at - 1 - backslashes] === '\\') backslashes++
  return backslashes % 2 === 1
}

function isString (written: string): boolean {
  try {
    JSON.parse(written)
    return true
  } catch {
    return false
  }
}
