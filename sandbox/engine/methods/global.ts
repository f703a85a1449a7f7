import { EngineError, ErrorCode } from '../error.js'
import { refer, type Call, type Methods } from './method.js'
import { DOC_HANDLE, type Target } from '../session.js'
import type { JsonObject } from '../json.js'

type GlobalCall = Call<Extract<Target, { type: 'Global' }>>

const VERSION = '12.2027.0-sandbox'

/** The methods of the session itself (`Global`), at handle -1. */
export const globalMethods: Methods<GlobalCall['target']> = {
  OpenDoc: { parameters: ['qDocName', 'qUserName', 'qPassword', 'qSerial', 'qNoData'], run: openDoc },
  GetActiveDoc: { parameters: [], run: getActiveDoc },
  GetDocList: {
    parameters: [],
    run: ({ apps }) => ({
      qDocList: apps.map(({ id, name, description }) => ({ qDocId: id, qDocName: name, qTitle: name, qMeta: { description } }))
    })
  },
  GetProgress: {
    parameters: ['qRequestId'],
    run: () => ({
      qProgressData: {
        qStarted: true,
        qFinished: true,
        qCompleted: 0,
        qTotal: 0,
        qKB: 0,
        qMillisecs: 0,
        qUserInteractionWanted: false,
        qPersistentProgress: '',
        qTransientProgress: '',
        qErrorData: [],
        qPersistentProgressMessages: [],
        qTransientProgressMessage: { qMessageCode: 0, qMessageParameters: [''] }
      }
    })
  },
  EngineVersion: { parameters: [], run: () => ({ qVersion: { qComponentVersion: VERSION } }) },
  ProductVersion: { parameters: [], run: () => ({ qReturn: VERSION }) },
  QvVersion: { parameters: [], run: () => ({ qReturn: VERSION }) },
  OSName: { parameters: [], run: () => ({ qReturn: 'Sandbox' }) },
  IsDesktopMode: { parameters: [], run: () => ({ qReturn: false }) },
  IsPersonalMode: { parameters: [], run: () => ({ qReturn: false }) },
  AllowCreateApp: { parameters: [], run: () => ({ qReturn: false }) },
  GetConfiguration: { parameters: [], run: () => ({ qConfig: { qFeatures: { qIsDesktop: false } } }) },
  // Requests are answered immediately and in order, so there is never one to cancel.
  CancelRequest: { parameters: ['qRequestId'], run: () => ({}) },
  AbortRequest: { parameters: ['qRequestId'], run: () => ({}) },
  AbortAll: { parameters: [], run: () => ({}) }
}

// A socket that joins a session may open its app again and gets the same document.
function openDoc ({ session, args }: GlobalCall): JsonObject {
  const id = args.text('qDocName')
  if (id !== session.app.id) {
    throw new EngineError(ErrorCode.APP_NOT_FOUND, id, `App not found: this connection is for the app ${session.app.id}.`)
  }
  if (session.model.tuples.length === 0) {
    throw new EngineError(ErrorCode.ACCESS_DENIED, id, 'Access denied: section access leaves no data for the groups of this user.')
  }
  session.open()
  return refer('Doc', DOC_HANDLE, id)
}

function getActiveDoc ({ session }: GlobalCall): JsonObject {
  if (!session.isOpen) throw new EngineError(ErrorCode.APP_NOT_OPEN, '', 'No app is open in this session: call OpenDoc first.')
  return refer('Doc', DOC_HANDLE, session.app.id)
}
