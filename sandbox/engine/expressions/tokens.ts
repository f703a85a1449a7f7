import { EngineError, ErrorCode } from '../error.js'

/** A token of an expression: a number, a text in single quotes, a name (bare, in brackets or in double quotes), or a sign. */
export interface Token {
  type: 'number' | 'text' | 'name' | 'sign'
  text: string
  isQuoted: boolean
}

const PATTERN = new RegExp([
  /\s+/,
  /(?<number>\d+(?:\.\d+)?)/,
  /'(?<text>(?:[^']|'')*)'/,
  /\[(?<bracketed>[^\]]+)\]/,
  /"(?<quoted>[^"]+)"/,
  /(?<bare>[\p{L}_$][\p{L}\d_.$]*)/u,
  /(?<sign>[-+*/(),&=])/
].map(({ source }) => source).join('|'), 'uy')

/** Splits an expression into tokens. Throws an EngineError at a character that cannot start a token. */
export function readTokens (expression: string): Token[] {
  const tokens: Token[] = []
  const pattern = new RegExp(PATTERN)
  while (pattern.lastIndex < expression.length) {
    const position = pattern.lastIndex
    const groups = pattern.exec(expression)?.groups
    if (groups === undefined) {
      throw new EngineError(
        ErrorCode.INVALID_DEFINITION,
        expression,
        `Error in expression: unexpected ${expression.slice(position, position + 10)}`
      )
    }
    const { number, text, bracketed, quoted, bare, sign } = groups
    if (number !== undefined) tokens.push({ type: 'number', text: number, isQuoted: false })
    else if (text !== undefined) tokens.push({ type: 'text', text: text.replaceAll("''", "'"), isQuoted: true })
    else if (bracketed !== undefined || quoted !== undefined) tokens.push({ type: 'name', text: bracketed ?? quoted ?? '', isQuoted: true })
    else if (bare !== undefined) tokens.push({ type: 'name', text: bare, isQuoted: false })
    else if (sign !== undefined) tokens.push({ type: 'sign', text: sign, isQuoted: false })
  }
  return tokens
}
