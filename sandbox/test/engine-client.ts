import type { GenericObject, Global, NxCell } from '@qlik/api/qix'
import enigma from 'enigma.js'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { createEngine, type Engine, type EngineConnection } from '../engine/engine.js'
import { until } from '../../test/helpers/log.js'

/** The part of a test that resources are tied to. */
interface Scope { teardown: (release: () => unknown) => void }

/** A session of enigma.js, with its events. */
export interface Session {
  open: () => Promise<Global>
  close: () => Promise<unknown>
  suspend: () => Promise<unknown>
  resume: (onlyIfAttached?: boolean) => Promise<void>
  on: (event: string, listener: (...args: unknown[]) => void) => void
}

/** An engine behind a WebSocket server. All clients are the user of `connection`. */
export interface EngineServer {
  engine: Engine
  url: string
  connection: EngineConnection
  /** How many sockets are open. */
  openSockets: () => number
}

const schema = createRequire(import.meta.url)('enigma.js/schemas/12.2027.0.json') as object

/** Starts an engine that is stopped with the test. */
export async function startEngine (
  t: Scope,
  connection: EngineConnection,
  options?: { sessionTtlSeconds?: number }
): Promise<EngineServer> {
  const engine = createEngine(options)
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  const started = { engine, connection, openSockets: () => server.clients.size, url }
  server.on('connection', socket => { engine.accept(socket, started.connection) })
  t.teardown(() => {
    engine.close()
    server.close()
  })
  return started
}

/** Makes an enigma.js session, closed with the test. */
export function createSession (t: Scope, { url }: EngineServer): Session {
  const session = enigma.create({ schema, url, createSocket: (address: string) => new WebSocket(address) } as never) as unknown as Session
  t.teardown(async () => { await session.close().catch(() => undefined) })
  return session
}

/** Opens the app of the connection in a new enigma.js session. */
export async function openApp (t: Scope, server: EngineServer) {
  const session = createSession(t, server)
  const global = await session.open()
  return await global.openDoc(server.connection.appId)
}

/** Returns the rows of an object's hypercube as displayed. */
export async function readRows (object: GenericObject): Promise<NxCell[][]> {
  const { qHyperCube } = await object.getLayout()
  return (qHyperCube?.qDataPages?.[0]?.qMatrix ?? [])
}

/** Returns a hypercube of one dimension and one measure as a map from text to number. */
export async function readChart (object: GenericObject): Promise<Map<string, number>> {
  return new Map((await readRows(object)).map(([value, result]) => [value?.qText ?? '', Number(result?.qNum)]))
}

/** Connects a plain socket that parses and collects the messages it receives. */
export async function connect (t: Scope, { url }: EngineServer) {
  const socket = new WebSocket(url)
  const messages: Record<string, unknown>[] = []
  socket.on('message', data => { messages.push(JSON.parse((data as Buffer).toString()) as Record<string, unknown>) })
  t.teardown(() => { socket.terminate() })
  await once(socket, 'open')
  const receive = async (): Promise<Record<string, unknown>> => {
    await until(() => messages.length > 0)
    return messages.shift() as Record<string, unknown>
  }
  return { socket, receive, send: (message: unknown) => { socket.send(typeof message === 'string' ? message : JSON.stringify(message)) } }
}
