import type { RawData, WebSocket } from 'ws'
import type { App } from '../data/app.js'
import { apps as allApps } from '../data/apps.js'
import { buildModel } from './associations/model.js'
import { answer, describeChanges } from './protocol.js'
import { Session } from './session.js'

/** The connected user: sessions belong to users, and section access depends on their groups. */
export interface EngineIdentity {
  id: string
  groups: string[]
}

/** The parts of a connection's path: `/app/{appId}[/identity/{identity}][/ttl/{ttlSeconds}]`. */
export interface EngineConnection {
  appId: string
  user: EngineIdentity
  identity?: string
  ttlSeconds?: number
}

/** The engine of the sandbox. */
export interface Engine {
  /** The apps there are. */
  apps: { id: string, name: string, description: string }[]
  /** Serves an open socket. The first message, `OnConnected`, is sent before this returns. */
  accept: (socket: WebSocket, connection: EngineConnection) => void
  /** Closes every socket. Sessions stay until their time is over. */
  closeAll: (code: number, reason: string) => void
  /** Disconnects every socket and ends every session. */
  close: () => void
}

/**
 * A session with its sockets and what each calls to leave it, or, when it has none, the timer that ends it. A socket that
 * the engine closes leaves at once: its client may take long to answer, and may be back with another before.
 */
interface LiveSession {
  session: Session
  sockets: Map<WebSocket, () => void>
  timer?: NodeJS.Timeout
}

// @qlik/api explains this close code as "App not found". The code in the reason is a guess.
const APP_NOT_FOUND_CLOSE = 4204
const APP_NOT_FOUND_REASON = JSON.stringify({ code: 'QEP-104', title: 'App not found' })

/**
 * Creates an engine that serves `apps`, by default all apps of the sandbox.
 * A session without sockets ends after `sessionTtlSeconds` (30 by default), unless the connection sets its own time.
 */
export function createEngine ({ apps = allApps, sessionTtlSeconds = 30 }: { apps?: App[], sessionTtlSeconds?: number } = {}): Engine {
  const sessions = new Map<string, LiveSession>()
  const open = new Set<WebSocket>()

  function attach (connection: EngineConnection): { live: LiveSession, key: string, isNew: boolean } | undefined {
    const { appId, user, identity } = connection
    const app = apps.find(({ id }) => id === appId)
    if (app === undefined) return undefined
    const key = JSON.stringify([user.id, user.groups, appId, identity ?? null])
    const known = sessions.get(key)
    if (known !== undefined) return { live: known, key, isNew: false }
    const live: LiveSession = { session: new Session(app, buildModel(app.tables, app.sectionAccess, user.groups)), sockets: new Map() }
    sessions.set(key, live)
    return { live, key, isNew: true }
  }

  return {
    apps: apps.map(({ id, name, description }) => ({ id, name, description })),

    accept (socket, connection) {
      const attached = attach(connection)
      if (attached === undefined) {
        socket.close(APP_NOT_FOUND_CLOSE, APP_NOT_FOUND_REASON)
        return
      }
      const { live, key, isNew } = attached
      clearTimeout(live.timer)
      const leave = () => {
        if (!live.sockets.delete(socket) || live.sockets.size > 0 || sessions.get(key) !== live) return
        const ttlSeconds = connection.ttlSeconds ?? sessionTtlSeconds
        live.timer = setTimeout(() => { sessions.delete(key) }, ttlSeconds * 1000)
      }
      live.sockets.set(socket, leave)
      open.add(socket)
      send(socket, { jsonrpc: '2.0', method: 'OnConnected', params: { qSessionState: isNew ? 'SESSION_CREATED' : 'SESSION_ATTACHED' } })
      socket.on('message', (data: RawData) => { serve(live, socket, apps, toText(data)) })
      socket.on('close', () => {
        open.delete(socket)
        leave()
      })
      // A broken connection also emits 'close', where it is handled.
      socket.on('error', () => {})
    },

    closeAll (code, reason) {
      for (const { sockets } of sessions.values()) {
        for (const [socket, leave] of sockets) {
          socket.close(code, reason)
          leave()
        }
      }
    },

    close () {
      for (const { timer } of sessions.values()) clearTimeout(timer)
      for (const socket of open) socket.terminate()
      sessions.clear()
    }
  }
}

function serve ({ session, sockets }: LiveSession, socket: WebSocket, apps: App[], message: string): void {
  const { response, changes } = answer(session, apps, message)
  send(socket, response)
  if (changes.change.length + changes.close.length === 0) return
  for (const other of sockets.keys()) if (other !== socket) send(other, { jsonrpc: '2.0', ...describeChanges(changes) })
}

function send (socket: WebSocket, message: object): void {
  if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
}

function toText (data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString()
  return data instanceof ArrayBuffer ? Buffer.from(data).toString() : data.toString()
}
