import type { ObjectProperties } from '../../data/app.js'
import { describePages } from '../layout/cube-layout.js'
import { completePage, type Page } from '../layout/definition.js'
import { cubeSelectionMethods } from './cube-selection.js'
import { effectiveProperties, type GenericObject } from '../generic-object.js'
import { copyJson, isObject, type JsonObject } from '../json.js'
import { buildLayout } from '../layout/layout.js'
import { describeListPages } from '../layout/list.js'
import { listSelectionMethods } from './list-selection.js'
import { NO_REFERENCE, refer, type Methods, type ObjectCall } from './method.js'
import { readCube, readFields, readList } from '../layout/object-data.js'
import { applyPatches, readPatches } from '../patch.js'
import { withLock, withSelection } from '../associations/selection-state.js'
import type { Session } from '../session.js'

/** The methods of objects (`GenericObject`). Master items (`GenericDimension`, `GenericMeasure`) have fewer of them. */
export const objectMethods: Methods<ObjectCall['target']> = {
  GetLayout: { parameters: [], run: ({ session, target }) => ({ qLayout: buildLayout(session, target.object) }) },
  GetProperties: { parameters: [], run: ({ target }) => ({ qProp: target.object.properties }) },
  GetEffectiveProperties: { parameters: [], run: ({ target }) => ({ qProp: effectiveProperties(target.object) }) },
  GetInfo: { parameters: [], run: ({ target }) => ({ qInfo: target.object.properties.qInfo }) },
  GetDimension: { parameters: [], run: ({ target }) => ({ qDim: target.object.properties.qDim ?? {} }) },
  GetMeasure: { parameters: [], run: ({ target }) => ({ qMeasure: target.object.properties.qMeasure ?? {} }) },
  GetLinkedObjects: { parameters: [], run: () => ({ qItems: [] }) },
  SetProperties: { parameters: ['qProp'], run: call => setProperties(call, call.args.object('qProp')) },
  ApplyPatches: { parameters: ['qPatches', 'qSoftPatch'], run: patch },
  ClearSoftPatches: {
    parameters: [],
    run: ({ session, target }) => {
      target.object.softPatches = []
      session.markChanged(target.object)
      return {}
    }
  },

  GetHyperCubeData: { parameters: ['qPath', 'qPages'], run: getCubeData },
  // Reduced data are simply the first rows here, which is enough for the small chart of a scroll bar.
  GetHyperCubeReducedData: { parameters: ['qPath', 'qPages', 'qZoomFactor', 'qReductionMode'], run: getCubeData },
  GetListObjectData: { parameters: ['qPath', 'qPages'], run: getListData },

  BeginSelections: { parameters: ['qPaths'], run: ({ session, target }) => { session.beginModal(target.object); return {} } },
  EndSelections: {
    parameters: ['qAccept'],
    run: ({ session, target, args }) => {
      if (session.modalObject === target.object) session.endModal(args.flag('qAccept'))
      return {}
    }
  },
  ResetMadeSelections: { parameters: [], run: resetMadeSelections },
  ClearSelections: { parameters: ['qPath', 'qColIndices'], run: clearSelections },
  Lock: { parameters: ['qPath', 'qColIndices'], run: call => lock(call, true) },
  Unlock: { parameters: ['qPath', 'qColIndices'], run: call => lock(call, false) },
  ...cubeSelectionMethods,
  ...listSelectionMethods,

  GetChild: { parameters: ['qId'], run: getChild },
  GetChildInfos: {
    parameters: [],
    run: ({ session, target }) => ({ qInfos: target.object.childIds.flatMap(id => session.objects.find(id)?.properties.qInfo ?? []) })
  },
  CreateChild: { parameters: ['qProp', 'qPropForThis'], run: createChild },
  DestroyChild: {
    parameters: ['qId', 'qPropForThis'],
    run: ({ session, target, args }) => ({
      qSuccess: target.object.childIds.includes(args.text('qId')) && session.remove(args.text('qId'))
    })
  },
  GetFullPropertyTree: { parameters: [], run: ({ session, target }) => ({ qPropEntry: describeTree(session, target.object) }) },
  SetFullPropertyTree: { parameters: ['qPropEntry'], run: setFullPropertyTree }
}

function setProperties ({ session, target: { object } }: ObjectCall, properties: JsonObject): JsonObject {
  // The id and the type of an object never change.
  object.properties = { ...copyJson(properties), qInfo: object.properties.qInfo }
  session.markChanged(object)
  session.markListsChanged()
  if (object.type === 'dimension' || object.type === 'measure') session.markDataChanged()
  return {}
}

function patch (call: ObjectCall): JsonObject {
  const { session, target: { object }, args } = call
  const patches = readPatches(args.objects('qPatches'))
  if (!args.flag('qSoftPatch')) return setProperties(call, applyPatches<JsonObject>(object.properties, patches))
  applyPatches(effectiveProperties(object), patches)
  object.softPatches = [...object.softPatches, ...patches]
  session.markChanged(object)
  return {}
}

function readPages ({ args }: ObjectCall): Page[] {
  return args.objects('qPages').map(completePage)
}

function getCubeData (call: ObjectCall): JsonObject {
  const { session, target, args } = call
  return { qDataPages: describePages(readCube(session, target.object, args.text('qPath')), readPages(call), session.selections.inference) }
}

function getListData (call: ObjectCall): JsonObject {
  const { session, target, args } = call
  return {
    qDataPages: describeListPages(readList(session, target.object, args.text('qPath')), readPages(call), session.selections.inference)
  }
}

function resetMadeSelections ({ session, target }: ObjectCall): JsonObject {
  if (session.modalObject !== target.object) return {}
  session.selections.resetModal()
  session.markDataChanged()
  return {}
}

function clearSelections ({ session, target, args }: ObjectCall): JsonObject {
  session.requireSelectable(target.object)
  const { selections } = session
  for (const name of chosenFields(session, target.object, args.text('qPath'), args.numbers('qColIndices'))) {
    if (selections.state.get(name)?.isLocked !== true) selections.replace(withSelection(selections.state, name, []))
  }
  session.markDataChanged()
  return {}
}

function lock ({ session, target, args }: ObjectCall, isLocked: boolean): JsonObject {
  session.requireSelectable(target.object)
  const names = chosenFields(session, target.object, args.text('qPath'), args.numbers('qColIndices'))
  session.selections.replace(withLock(session.selections.state, names, isLocked))
  session.markDataChanged()
  return {}
}

// Without indexes, all dimensions at the path are meant.
function chosenFields (session: Session, object: GenericObject, path: string, indexes: number[]): string[] {
  return readFields(session, object, path).flatMap((field, index) =>
    field !== undefined && (indexes.length === 0 || indexes.includes(index)) ? [field.name] : []
  )
}

function getChild ({ session, target, args }: ObjectCall): JsonObject {
  const object = session.objects.find(args.text('qId'))
  if (object === undefined || !target.object.childIds.includes(object.id)) return NO_REFERENCE
  return refer('GenericObject', session.getHandle({ type: 'GenericObject', object }), object.id, object.type)
}

function createChild (call: ObjectCall): JsonObject {
  const { session, target, args } = call
  const object = session.objects.create(args.object('qProp'), target.object.isSessionObject)
  target.object.childIds.push(object.id)
  session.markChanged(target.object)
  session.markListsChanged()
  return {
    ...refer('GenericObject', session.getHandle({ type: 'GenericObject', object }), object.id, object.type),
    qInfo: object.properties.qInfo
  }
}

function describeTree (session: Session, object: GenericObject): JsonObject {
  const children = object.childIds.flatMap(id => session.objects.find(id) ?? [])
  return { qProperty: object.properties, qChildren: children.map(child => describeTree(session, child)), qEmbeddedSnapshotRef: null }
}

function setFullPropertyTree (call: ObjectCall): JsonObject {
  const { session, target, args } = call
  setTree(session, target.object, args.object('qPropEntry'))
  return setProperties(call, target.object.properties)
}

function setTree (session: Session, object: GenericObject, { qProperty, qChildren }: JsonObject): void {
  if (isObject(qProperty)) object.properties = { ...copyJson(qProperty), qInfo: object.properties.qInfo } satisfies ObjectProperties
  for (const id of object.childIds) session.remove(id)
  const entries = Array.isArray(qChildren) ? qChildren.filter(isObject) : []
  object.childIds = entries.map(entry => {
    const child = session.objects.create(isObject(entry.qProperty) ? copyJson(entry.qProperty) : {}, object.isSessionObject)
    setTree(session, child, { qChildren: entry.qChildren })
    return child.id
  })
}
