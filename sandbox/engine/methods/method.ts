import type { App } from '../../data/app.js'
import type { GenericObject } from '../generic-object.js'
import type { Arguments } from './arguments.js'
import type { JsonObject } from '../json.js'
import type { Session, Target } from '../session.js'

/** A call of a method on the target of a handle. */
export interface Call<T extends Target = Target> {
  session: Session
  target: T
  args: Arguments
  apps: App[]
}

/** A call on an object with data or on a master item. */
export type ObjectCall = Call<Extract<Target, { object: GenericObject }>>

/** A method: the names of its parameters in order, and what it does. Its result is the `result` of the JSON-RPC response. */
export interface Method<T extends Target = Target> {
  parameters: readonly string[]
  run: (call: Call<T>) => JsonObject
}

/** The methods of one type of target, by name. */
export type Methods<T extends Target = Target> = Record<string, Method<T>>

/** Describes a reference to an object, from which clients create their own object. */
export function refer (qType: string, qHandle: number, qGenericId: string, qGenericType?: string): JsonObject {
  return { qReturn: { qType, qHandle, qGenericId, ...(qGenericType === undefined ? {} : { qGenericType }) } }
}

/** The engine's answer, instead of an error, if an object does not exist. */
export const NO_REFERENCE: JsonObject = { qReturn: { qType: null, qHandle: null } }
