import { EngineError, ErrorCode } from '../error.js'
import { readTokens, type Token } from './tokens.js'

const AGGREGATES = ['sum', 'count', 'avg', 'min', 'max', 'only'] as const

/** The name of an aggregation, in lower case. */
export type AggregateName = typeof AGGREGATES[number]

/** An expression as a tree. A field outside of an aggregation stands for its only possible value. */
export type Expression =
  | { type: 'number', value: number }
  | { type: 'text', value: string }
  | { type: 'field', name: string }
  | { type: 'negate', operand: Expression }
  | { type: 'operation', operator: string, left: Expression, right: Expression }
  | { type: 'aggregate', name: AggregateName, isDistinct: boolean, isTotal: boolean, operand: Expression }

/** Parses an expression such as `=Sum([Sales Amount]) / Count(distinct OrderId)`. Throws an EngineError that says where it fails. */
export function parseExpression (text: string): Expression {
  const parser = new Parser(text)
  return parser.parse()
}

/** Returns the name of the field that a dimension's definition such as `[Region]` or `=Region` stands for. */
export function parseFieldName (definition: string): string {
  const expression = parseExpression(definition)
  if (expression.type !== 'field') {
    throw new EngineError(
      ErrorCode.INVALID_DEFINITION,
      definition,
      'A dimension is a field: calculated dimensions are not part of the sandbox.'
    )
  }
  return expression.name
}

/** Lists the names of the fields in an expression. */
export function listFields (expression: Expression): string[] {
  switch (expression.type) {
    case 'field': return [expression.name]
    case 'negate':
    case 'aggregate': return listFields(expression.operand)
    case 'operation': return [...listFields(expression.left), ...listFields(expression.right)]
    case 'number':
    case 'text': return []
  }
}

class Parser {
  readonly #text: string
  readonly #tokens: Token[]
  #position = 0

  constructor (text: string) {
    this.#text = text
    this.#tokens = readTokens(text)
  }

  parse (): Expression {
    this.#takeSign('=')
    const expression = this.#parseSum()
    if (this.#position < this.#tokens.length) throw this.#unexpected()
    return expression
  }

  #parseSum (): Expression {
    return this.#parseChain(['+', '-', '&'], () => this.#parseProduct())
  }

  #parseProduct (): Expression {
    return this.#parseChain(['*', '/'], () => this.#parseOperand())
  }

  #parseChain (operators: string[], parseNext: () => Expression): Expression {
    let left = parseNext()
    for (let operator = this.#takeSign(...operators); operator !== undefined; operator = this.#takeSign(...operators)) {
      left = { type: 'operation', operator, left, right: parseNext() }
    }
    return left
  }

  #parseOperand (): Expression {
    if (this.#takeSign('-') !== undefined) return { type: 'negate', operand: this.#parseOperand() }
    if (this.#takeSign('(') !== undefined) return this.#parseRest()
    const token = this.#tokens[this.#position++]
    switch (token?.type) {
      case 'number': return { type: 'number', value: Number(token.text) }
      case 'text': return { type: 'text', value: token.text }
      case 'name':
        return !token.isQuoted && this.#takeSign('(') !== undefined ? this.#parseAggregate(token.text) : { type: 'field', name: token.text }
      default:
        this.#position--
        throw this.#unexpected()
    }
  }

  #parseAggregate (written: string): Expression {
    const name = AGGREGATES.find(aggregate => aggregate === written.toLowerCase())
    if (name === undefined) {
      throw new EngineError(
        ErrorCode.INVALID_DEFINITION,
        this.#text,
        `Error in expression: the sandbox does not know the function ${written}. It has ${AGGREGATES.join(', ')}.`
      )
    }
    const isTotal = this.#takeWord('total')
    const isDistinct = this.#takeWord('distinct')
    return { type: 'aggregate', name, isDistinct, isTotal, operand: this.#parseRest() }
  }

  #parseRest (): Expression {
    const expression = this.#parseSum()
    if (this.#takeSign(')') === undefined) throw this.#unexpected()
    return expression
  }

  #takeSign (...signs: string[]): string | undefined {
    const token = this.#tokens[this.#position]
    if (token?.type !== 'sign' || !signs.includes(token.text)) return undefined
    this.#position++
    return token.text
  }

  #takeWord (word: string): boolean {
    const token = this.#tokens[this.#position]
    const isWord = token?.type === 'name' && !token.isQuoted && token.text.toLowerCase() === word
    if (isWord) this.#position++
    return isWord
  }

  #unexpected (): EngineError {
    const token = this.#tokens[this.#position]
    return new EngineError(ErrorCode.INVALID_DEFINITION, this.#text, `Error in expression: unexpected ${token?.text ?? 'end'}`)
  }
}
