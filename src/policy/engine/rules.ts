import type { PolicyRule } from '../../signals.js'
import { globalMethods, viewMethods } from './methods.js'
import { readRequest, type EngineRequest } from './request.js'

/** The rules that look into sockets. */
export type EngineRule = Extract<PolicyRule, 'ENGINE_MODE' | 'ALLOWED_APPS'>

/** What the messages of one socket are judged by. */
export interface EngineRules {
  /** The app that the socket is for; without one, none is opened. */
  appId: string | undefined
  /** Whether only what reads and selects may pass; otherwise only what would reach another app is refused. */
  view: boolean
}

/** What becomes of a message: it passes, or is answered by an error. */
export type EngineVerdict = { passes: true } | { passes: false, id: number | null, method: string, rule: EngineRule }

/** Judges a message of the browser to the engine. */
export function judgeMessage (text: string, rules: EngineRules): EngineVerdict {
  const read = readRequest(text)
  const rule = rules.view ? 'ENGINE_MODE' : 'ALLOWED_APPS'
  if (read.request === undefined) return { passes: false, id: read.id, method: 'unreadable', rule }
  const { id, method } = read.request
  return isAllowed(read.request, rules) ? { passes: true } : { passes: false, id, method, rule }
}

function isAllowed ({ handle, method, params }: EngineRequest, { appId, view }: EngineRules): boolean {
  if (handle === -1) return globalMethods.has(method) && (method !== 'OpenDoc' || (appId !== undefined && argument(params, openParameters, 0) === appId))
  if (handle < 1) return false
  // It carries requests inside.
  if (!view) return method !== 'BulkRequest'
  return viewMethods.has(method) && (method !== 'ApplyPatches' || argument(params, patchParameters, 1) === true)
}

const openParameters = ['qDocName', 'qUserName', 'qPassword', 'qSerial', 'qNoData']
const patchParameters = ['qPatches', 'qSoftPatch']

/** An argument by position or by name; undefined where another name could be read as its own. */
function argument (params: unknown, names: readonly string[], at: number): unknown {
  if (Array.isArray(params)) return params[at]
  const named = Object(params) as Record<string, unknown>
  return Object.keys(named).every(name => names.includes(name)) ? named[names[at] as string] : undefined
}
