import { describeCube } from './cube-layout.js'
import { EngineError } from '../error.js'
import { evaluate, type Result } from '../expressions/evaluation.js'
import { parseExpression } from '../expressions/expression.js'
import { listTags, pickOwnProperties } from './field-description.js'
import { effectiveProperties, type GenericObject } from '../generic-object.js'
import { isObject, type JsonObject } from '../json.js'
import { findField } from './library.js'
import { describeList } from './list.js'
import { describeChildren, describeDimensions, describeFields, describeMeasures, describeObjects } from './object-lists.js'
import { readCube, readList } from './object-data.js'
import { describeSelections } from './selection-list.js'
import type { Session } from '../session.js'

/** Builds the part of a layout that a definition requests. `path` is the position of the definition. */
type Describe = (session: Session, object: GenericObject, definition: JsonObject, path: string) => unknown

const DEFINITIONS: Record<string, { name: string, describe: Describe }> = {
  qHyperCubeDef: {
    name: 'qHyperCube',
    describe: (session, object, definition, path) => ({
      ...pickOwnProperties(definition),
      ...describeCube(readCube(session, object, path), session.selections.inference)
    })
  },
  qListObjectDef: {
    name: 'qListObject',
    describe: (session, object, definition, path) => ({
      ...pickOwnProperties(definition),
      ...describeList(readList(session, object, path), session.selections.inference)
    })
  },
  qSelectionObjectDef: { name: 'qSelectionObject', describe: describeSelections },
  qAppObjectListDef: { name: 'qAppObjectList', describe: (session, _object, definition) => describeObjects(session, definition) },
  qDimensionListDef: { name: 'qDimensionList', describe: (session, _object, definition) => describeDimensions(session, definition) },
  qMeasureListDef: { name: 'qMeasureList', describe: (session, _object, definition) => describeMeasures(session, definition) },
  qFieldListDef: { name: 'qFieldList', describe: session => describeFields(session) },
  qChildListDef: { name: 'qChildList', describe: describeChildren },
  // The sandbox has neither, so both lists are empty.
  qBookmarkListDef: { name: 'qBookmarkList', describe: () => ({ qItems: [] }) },
  qVariableListDef: { name: 'qVariableList', describe: () => ({ qItems: [] }) },
  qUndoInfoDef: { name: 'qUndoInfo', describe: () => ({ qUndoCount: 0, qRedoCount: 0 }) },
  qStaticContentUrlDef: { name: 'qStaticContentUrl', describe: () => ({}) },
  qMetaDef: { name: 'qMeta', describe: (_session, _object, definition) => describeMeta(definition) }
}

const PRIVILEGES = ['read', 'update', 'delete', 'exportdata']

/** Builds the layout of an object: its properties, with definitions replaced by their results. */
export function buildLayout (session: Session, object: GenericObject): JsonObject {
  const properties = effectiveProperties(object)
  const isModal = session.modalObject === object
  return {
    qInfo: properties.qInfo,
    qMeta: describeMeta({}),
    qSelectionInfo: isModal ? { qInSelections: true, qMadeSelections: true } : {},
    ...transform(session, object, properties, ''),
    ...(isObject(properties.qDim) ? { qDimInfos: describeMasterFields(session, properties.qDim) } : {}),
    ...(object.softPatches.length > 0 ? { qHasSoftPatches: true } : {})
  }
}

/** Describes the fields of a master dimension under the names of `qDimInfos`. */
export function describeMasterFields (session: Session, { qFieldDefs }: JsonObject): object[] {
  const definitions = Array.isArray(qFieldDefs) ? qFieldDefs.filter(definition => typeof definition === 'string') : []
  return definitions.map(definition => ({ qTags: listTags(findField(session.model, definition)) }))
}

function transform (session: Session, object: GenericObject, properties: JsonObject, path: string): JsonObject {
  const layout: JsonObject = {}
  for (const [key, value] of Object.entries(properties)) {
    const definition = DEFINITIONS[key]
    if (key === 'qLayoutExclude') continue
    const pointer = `${path}/${key}`
    if (definition === undefined) layout[key] = transformValue(session, object, value, pointer)
    else layout[definition.name] = isObject(value) ? definition.describe(session, object, value, pointer) : undefined
  }
  return layout
}

function transformValue (session: Session, object: GenericObject, value: unknown, path: string): unknown {
  if (Array.isArray(value)) return value.map((item, index) => transformValue(session, object, item, `${path}/${index}`))
  if (!isObject(value)) return value
  if (value.qStringExpression !== undefined) return String(calculate(session, value.qStringExpression) ?? '')
  if (value.qValueExpression !== undefined) return calculate(session, value.qValueExpression) ?? 'NaN'
  return transform(session, object, value, path)
}

// A property may contain an expression. The layout contains its result, or nothing if the expression is invalid.
function calculate (session: Session, expression: unknown): Result {
  const text = isObject(expression) ? expression.qExpr : expression
  if (typeof text !== 'string' || text === '') return null
  const tuples = session.selections.inference.possible
  try {
    return evaluate(session.model, parseExpression(text), { tuples, allTuples: tuples })
  } catch (error) {
    if (error instanceof EngineError) return null
    throw error
  }
}

function describeMeta (definition: JsonObject): JsonObject {
  return { ...definition, privileges: PRIVILEGES }
}
