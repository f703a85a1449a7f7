import { EngineError, ErrorCode } from '../error.js'
import { parseExpression, parseFieldName, type Expression } from '../expressions/expression.js'
import { isObject, type JsonObject } from '../json.js'
import type { DimensionDefinition, MeasureDefinition } from './definition.js'
import type { Field, Model } from '../associations/model.js'
import type { NumberFormat } from '../expressions/number-format.js'

/** Finds the properties of a master item by its id, or returns undefined. */
export type FindItem = (id: string) => JsonObject | undefined

/** A resolved dimension: its field, or the error for its layout. */
export interface Dimension {
  definition: DimensionDefinition
  label: string
  fieldDefinition: string
  field: Field | undefined
  error: EngineError | undefined
}

/** A resolved measure: its expression, or the error for its layout. */
export interface Measure {
  definition: MeasureDefinition
  label: string
  format: NumberFormat
  expression: Expression | undefined
  error: EngineError | undefined
}

/** Resolves a dimension: through the library if it names a master dimension, then to a field of the model. */
export function resolveDimension (model: Model, findItem: FindItem, definition: DimensionDefinition): Dimension {
  const { field: attempt, error, source } = tryTo(() => {
    const item = findLibraryPart(findItem, definition.qLibraryId, 'qDim')
    const source = item === undefined ? definition.qDef : { ...definition.qDef, ...item }
    return { source, field: findField(model, readFirst(source.qFieldDefs)) }
  }, { source: definition.qDef, field: undefined })
  const fieldDefinition = readFirst(source.qFieldDefs)
  return { definition, field: attempt, error, fieldDefinition, label: readFirst(source.qFieldLabels) || (attempt?.name ?? fieldDefinition) }
}

/** Resolves a measure: through the library if it names a master measure, then to a parsed expression. */
export function resolveMeasure (findItem: FindItem, definition: MeasureDefinition): Measure {
  const { source, expression, error } = tryTo(() => {
    const item = findLibraryPart(findItem, definition.qLibraryId, 'qMeasure')
    const source = item === undefined ? definition.qDef : { ...definition.qDef, ...item } as MeasureDefinition['qDef']
    return { source, expression: parseExpression(source.qDef) }
  }, { source: definition.qDef, expression: undefined })
  return { definition, expression, error, label: source.qLabel || source.qDef, format: source.qNumFormat }
}

/** Returns the field that a definition such as `[Region]` names. Throws an EngineError if it does not exist. */
export function findField (model: Model, definition: string): Field {
  const name = model.fields.has(definition) ? definition : parseFieldName(definition)
  const field = model.fields.get(name)
  if (field === undefined) throw new EngineError(ErrorCode.INVALID_DEFINITION, definition, `The app has no field ${name}.`)
  return field
}

function findLibraryPart (findItem: FindItem, id: string, part: 'qDim' | 'qMeasure'): JsonObject | undefined {
  if (id === '') return undefined
  const item = findItem(id)?.[part]
  if (!isObject(item)) {
    throw new EngineError(ErrorCode.NOT_IN_LIBRARY, id, `The library has no ${part === 'qDim' ? 'dimension' : 'measure'} ${id}.`)
  }
  return item
}

function readFirst (value: unknown): string {
  return Array.isArray(value) && typeof value[0] === 'string' ? value[0] : ''
}

function tryTo<T extends object> (
  resolve: () => T,
  fallback: NoInfer<T> | { [K in keyof T]: T[K] | undefined }
): T & { error: EngineError | undefined } {
  try {
    return { ...resolve(), error: undefined }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    return { ...(fallback as T), error }
  }
}
