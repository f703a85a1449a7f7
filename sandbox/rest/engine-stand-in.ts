import type { WebSocket } from 'ws'
import * as data from '../data/apps.js'
export interface EngineConnection { appId: string, user: { id: string, groups: string[] }, identity?: string, ttlSeconds?: number }
export interface Engine {
  apps: { id: string, name: string, description: string }[]
  accept (socket: WebSocket, connection: EngineConnection): void
  closeAll (code: number, reason: string): void
  close (): void
}
export function createEngine (): Engine {
  const sockets = new Set<WebSocket>()
  return {
    apps: data.apps.map(({ id, name, description }) => ({ id, name, description })),
    accept: socket => {
      sockets.add(socket)
      socket.on('close', () => { sockets.delete(socket) })
      socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'OnConnected', params: { qSessionState: 'SESSION_CREATED' } }))
    },
    closeAll: (code, reason) => { for (const socket of sockets) socket.close(code, reason) },
    close: () => { for (const socket of sockets) socket.terminate() }
  }
}
