/** Error codes of Qlik's engine (`LocalizedErrorCode`) and of JSON-RPC 2.0. */
export const ErrorCode = {
  PARSE: -32700,
  INVALID_REQUEST: -32600,
  METHOD_NOT_FOUND: -32601,
  INVALID_PARAMETERS: -32602,
  NOT_FOUND: 2,
  ALREADY_EXISTS: 3,
  INVALID_PATH: 4,
  ACCESS_DENIED: 5,
  APP_NOT_FOUND: 1003,
  APP_NOT_OPEN: 1017,
  MODAL_OBJECT: 6003,
  INVALID_DEFINITION: 7000,
  NOT_IN_LIBRARY: 7001
} as const

/** An error for the client. `code` is one of `ErrorCode`, and `parameter` names the wrong value. */
export class EngineError extends Error {
  readonly code: number
  readonly parameter: string

  constructor (code: number, parameter: string, message: string) {
    super(message)
    this.name = 'EngineError'
    this.code = code
    this.parameter = parameter
  }
}
