import { writeResult } from '../layout/cell.js'
import { EngineError, ErrorCode } from '../error.js'
import { evaluate } from '../expressions/evaluation.js'
import { parseExpression, listFields } from '../expressions/expression.js'
import type { GenericObject } from '../generic-object.js'
import { isObject, type JsonObject } from '../json.js'
import { describeApp, LOCALE_INFO } from '../layout/app-layout.js'
import { NO_REFERENCE, refer, type Call, type Method, type Methods } from './method.js'
import { AUTOMATIC_FORMAT } from '../expressions/number-format.js'
import { NO_SELECTIONS, withLock, withoutUnlocked } from '../associations/selection-state.js'
import type { Session, Target } from '../session.js'

type DocCall = Call<Extract<Target, { type: 'Doc' }>>
type DocMethod = Method<DocCall['target']>

/** The methods of the open app (`Doc`). */
export const docMethods: Methods<DocCall['target']> = {
  GetAppLayout: { parameters: [], run: ({ session }) => ({ qLayout: describeApp(session.app) }) },
  GetAppProperties: {
    parameters: [],
    run: ({ session }) => ({ qProp: { qTitle: session.app.name, description: session.app.description } })
  },
  GetLocaleInfo: { parameters: [], run: () => ({ qReturn: LOCALE_INFO }) },
  GetAllInfos: {
    parameters: [],
    run: ({ session }) => ({ qInfos: session.objects.list().map(({ id, type }) => ({ qId: id, qType: type })) })
  },
  GetObjects: { parameters: ['qOptions'], run: getObjects },

  GetObject: { parameters: ['qId'], run: ({ session, args }) => referTo(session, session.objects.find(args.text('qId'))) },
  GetDimension: { parameters: ['qId'], run: call => getMasterItem(call, 'dimension') },
  GetMeasure: { parameters: ['qId'], run: call => getMasterItem(call, 'measure') },
  GetField: { parameters: ['qFieldName', 'qStateName'], run: getField },
  CreateObject: { parameters: ['qProp'], run: call => createObject(call, false) },
  CreateSessionObject: { parameters: ['qProp'], run: call => createObject(call, true) },
  GetOrCreateObject: { parameters: ['qProp'], run: getOrCreateObject },
  DestroyObject: { parameters: ['qId'], run: ({ session, args }) => ({ qSuccess: session.remove(args.text('qId')) }) },
  DestroySessionObject: { parameters: ['qId'], run: ({ session, args }) => ({ qSuccess: session.remove(args.text('qId')) }) },

  ClearAll: selecting(['qLockedAlso', 'qStateName'], ({ session, args }) => {
    session.selections.replace(args.flag('qLockedAlso') ? NO_SELECTIONS : withoutUnlocked(session.selections.state))
  }),
  Back: selecting([], ({ session }) => { session.selections.back() }),
  Forward: selecting([], ({ session }) => { session.selections.forward() }),
  LockAll: selecting(['qStateName'], call => { lockAll(call, true) }),
  UnlockAll: selecting(['qStateName'], call => { lockAll(call, false) }),
  BackCount: { parameters: [], run: ({ session }) => ({ qReturn: session.selections.backCount }) },
  ForwardCount: { parameters: [], run: ({ session }) => ({ qReturn: session.selections.forwardCount }) },
  AbortModal: { parameters: ['qAccept'], run: ({ session, args }) => { session.endModal(args.flag('qAccept')); return {} } },

  Evaluate: { parameters: ['qExpression'], run: call => ({ qReturn: evaluateText(call).qText }) },
  EvaluateEx: { parameters: ['qExpression'], run: call => ({ qValue: evaluateText(call) }) },
  CheckExpression: { parameters: ['qExpr', 'qLabels'], run: checkExpression },
  // There is no undo buffer, so nothing needs to be cleared.
  ClearUndoBuffer: { parameters: [], run: () => ({}) }
}

function selecting (parameters: string[], change: (call: DocCall) => void): DocMethod {
  return {
    parameters,
    run: call => {
      call.session.requireSelectable()
      change(call)
      call.session.markDataChanged()
      return {}
    }
  }
}

function lockAll ({ session: { selections } }: DocCall, isLocked: boolean): void {
  selections.replace(withLock(selections.state, selections.state.keys(), isLocked))
}

function referTo (session: Session, object: GenericObject | undefined): JsonObject {
  if (object === undefined) return NO_REFERENCE
  const type = object.type === 'dimension' ? 'GenericDimension' : object.type === 'measure' ? 'GenericMeasure' : 'GenericObject'
  return refer(type, session.getHandle({ type, object }), object.id, object.type)
}

function getMasterItem ({ session, args }: DocCall, type: string): JsonObject {
  const object = session.objects.find(args.text('qId'))
  return referTo(session, object?.type === type ? object : undefined)
}

function getObjects ({ session, args }: DocCall): JsonObject {
  const { qTypes, qIncludeSessionObjects } = args.object('qOptions')
  const objects = session.objects.list().filter(({ type, isSessionObject }) =>
    (!isSessionObject || qIncludeSessionObjects === true) && (!Array.isArray(qTypes) || qTypes.length === 0 || qTypes.includes(type)))
  return {
    qList: objects.map(({ id, type, properties }) => ({ qInfo: { qId: id, qType: type }, qMeta: properties.qMetaDef ?? {}, qData: {} }))
  }
}

function getField ({ session, args }: DocCall): JsonObject {
  const name = args.text('qFieldName')
  const field = session.model.fields.get(name) ?? session.model.fields.get(name.replace(/^=?\[(.*)\]$/, '$1'))
  return field === undefined ? NO_REFERENCE : refer('Field', session.getHandle({ type: 'Field', field }), field.name)
}

function createObject ({ session, args }: DocCall, isSessionObject: boolean): JsonObject {
  const object = session.objects.create(args.object('qProp'), isSessionObject)
  session.markListsChanged()
  return { ...referTo(session, object), qInfo: object.properties.qInfo }
}

function getOrCreateObject (call: DocCall): JsonObject {
  const { qInfo } = call.args.object('qProp')
  const known = isObject(qInfo) && typeof qInfo.qId === 'string' ? call.session.objects.find(qInfo.qId) : undefined
  return known === undefined ? { ...createObject(call, false), qNewObject: true } : { ...referTo(call.session, known), qNewObject: false }
}

function evaluateText ({ session, args }: DocCall): { qText: string, qIsNumeric: boolean, qNumber: number } {
  const tuples = session.selections.inference.possible
  const result = evaluate(session.model, parseExpression(args.text('qExpression')), { tuples, allTuples: tuples })
  return {
    qText: writeResult(result, AUTOMATIC_FORMAT),
    qIsNumeric: typeof result === 'number',
    qNumber: typeof result === 'number' ? result : 0
  }
}

function checkExpression ({ session, args }: DocCall): JsonObject {
  try {
    const unknown = listFields(parseExpression(args.text('qExpr'))).filter(name => !session.model.fields.has(name))
    const places = unknown.map(name => ({ qFrom: args.text('qExpr').indexOf(name), qCount: name.length }))
    return { qErrorMsg: '', qBadFieldNames: places, qDangerousFieldNames: [] }
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== ErrorCode.INVALID_DEFINITION) throw error
    return { qErrorMsg: error.message, qBadFieldNames: [], qDangerousFieldNames: [] }
  }
}
