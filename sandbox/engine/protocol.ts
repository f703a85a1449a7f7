import type { App } from '../data/app.js'
import { Arguments } from './methods/arguments.js'
import { docMethods } from './methods/doc.js'
import { EngineError, ErrorCode } from './error.js'
import { fieldMethods } from './methods/field.js'
import { globalMethods } from './methods/global.js'
import { isObject, type JsonObject } from './json.js'
import type { Method } from './methods/method.js'
import { objectMethods } from './methods/object.js'
import type { Changes, Session, Target } from './session.js'

/** The result of a request: the response, and the changes for the other sockets of the session. */
export interface Outcome {
  response: JsonObject
  changes: Changes
}

/**
 * Answers a JSON-RPC 2.0 request. Results are always complete, even for clients that request `delta: true`: they accept
 * a response without it.
 */
export function answer (session: Session, apps: App[], message: string): Outcome {
  const request = parse(message)
  const id = isObject(request) ? request.id ?? null : null
  let outcome: JsonObject
  try {
    outcome = { result: call(session, apps, request) }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    outcome = { error: { code: error.code, parameter: error.parameter, message: error.message } }
  }
  const changes = session.takeChanges()
  return { response: { jsonrpc: '2.0', id, ...outcome, ...describeChanges(changes) }, changes }
}

/** Describes changes for a message, without empty lists. */
export function describeChanges ({ change, close }: Changes): JsonObject {
  return { ...(change.length > 0 ? { change } : {}), ...(close.length > 0 ? { close } : {}) }
}

function parse (message: string): unknown {
  try {
    return JSON.parse(message)
  } catch {
    return undefined
  }
}

function call (session: Session, apps: App[], request: unknown): JsonObject {
  if (request === undefined) throw new EngineError(ErrorCode.PARSE, '', 'Parse error: a message is one JSON object.')
  if (!isObject(request) || typeof request.method !== 'string') {
    throw new EngineError(ErrorCode.INVALID_REQUEST, 'method', 'Invalid request: a request is an object with a method.')
  }
  const target = session.getTarget(request.handle)
  const { parameters, run } = findMethod(target, request.method)
  return run({ session, target, apps, args: new Arguments(parameters, request.params) })
}

// Each table accepts targets of its own type only. The switch selects the right one.
function findMethod (target: Target, name: string): Method {
  const methods = selectMethods(target)
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined
  if (method === undefined) {
    throw new EngineError(ErrorCode.METHOD_NOT_FOUND, name, `Method not found: the sandbox's ${target.type} has no method ${name}.`)
  }
  return method
}

function selectMethods (target: Target): Record<string, Method> {
  switch (target.type) {
    case 'Global': return globalMethods as Record<string, Method>
    case 'Doc': return docMethods as Record<string, Method>
    case 'Field': return fieldMethods as Record<string, Method>
    case 'GenericObject':
    case 'GenericDimension':
    case 'GenericMeasure': return objectMethods as Record<string, Method>
  }
}
