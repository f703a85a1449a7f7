import type { PolicyRule } from '../../signals.js'
import { globalMethods, viewMethods } from './methods.js'
import type { MessageText } from './payload.js'
import { readRequest, type EngineRequest } from './request.js'

/** The rules that read the messages of a WebSocket. */
export type EngineRule = Extract<PolicyRule, 'ENGINE_MODE' | 'ALLOWED_APPS'>

/** The rules of one WebSocket. */
export interface EngineRules {
  /** The app of the socket. Without one, no app may be opened. */
  appId: string | undefined
  /** Whether only methods that read and select are allowed. Otherwise only those that reach another app are refused. */
  view: boolean
}

/** What is done with a message: it is forwarded, or answered with an error. */
export type EngineVerdict = { passes: true } | { passes: false, id: number | null, method: string, rule: EngineRule }

/** Judges a message of the browser to the engine. */
export function judgeMessage (message: MessageText, rules: EngineRules): EngineVerdict {
  const read = readRequest(message)
  const rule = rules.view ? 'ENGINE_MODE' : 'ALLOWED_APPS'
  if (read.request === undefined) return { passes: false, id: read.id, method: 'unreadable', rule }
  const { id, method } = read.request
  return isAllowed(read.request, rules) ? { passes: true } : { passes: false, id, method, rule }
}

function isAllowed ({ handle, method, params }: EngineRequest, { appId, view }: EngineRules): boolean {
  if (handle === -1) {
    if (method === 'OpenDoc') return appId !== undefined && argument(params, openParameters, 0) === appId
    return globalMethods.has(method)
  }
  if (handle < 1) return false
  // A bulk request carries other requests.
  if (!view) return method !== 'BulkRequest'
  return viewMethods.has(method) && (method !== 'ApplyPatches' || argument(params, patchParameters, 1) === true)
}

const openParameters = ['qDocName', 'qUserName', 'qPassword', 'qSerial', 'qNoData']
const patchParameters = ['qPatches', 'qSoftPatch']

/** An argument by position or by name; undefined if there is a name that the engine could read as that of another argument. */
function argument (written: string | undefined, names: readonly string[], at: number): unknown {
  const params: unknown = JSON.parse(written ?? 'null')
  if (Array.isArray(params)) return params[at]
  const named = Object(params) as Record<string, unknown>
  return Object.keys(named).every(name => names.includes(name)) ? named[names[at] as string] : undefined
}
