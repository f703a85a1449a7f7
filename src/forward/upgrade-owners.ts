import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import type { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'

/** One gateway of a server, as a receiver of upgrades. */
export interface UpgradeOwner {
  /** Whether an upgrade request is for this gateway and not for another part of the host application. */
  owns: (raw: IncomingMessage) => boolean
  /** Takes over the connection of the request. `head` are the bytes after the request. */
  take: (raw: IncomingMessage, head: Buffer) => void
}

const ownersOf = new WeakMap<Server, Set<UpgradeOwner>>()

/**
 * Gives a gateway the upgrades that are its own, and those that nobody else listens for. Returns what ends that.
 *
 * An EventEmitter calls all its listeners, and most of those for upgrades refuse whatever is not for them: `ws` by a 400
 * where its `path` does not match, `@fastify/websocket` by an answer of its own. So they do not hear of what a gateway owns.
 */
export function ownUpgrades (server: Server, owner: UpgradeOwner): () => void {
  const owners = ownersOf.get(server) ?? keepFromOthers(server)
  owners.add(owner)
  return () => { owners.delete(owner) }
}

function keepFromOthers (server: Server): Set<UpgradeOwner> {
  const owners = new Set<UpgradeOwner>()
  ownersOf.set(server, owners)
  const ownerOf = (raw: IncomingMessage): UpgradeOwner | undefined => {
    const all = [...owners]
    // If there is nobody but gateways, the last of them answers upgrades that belong to none.
    return all.find(({ owns }) => owns(raw)) ?? (server.listenerCount('upgrade') === 1 ? all.at(-1) : undefined)
  }

  // Without a listener Node treats an upgrade request as an ordinary one. Newer versions also ask `shouldUpgradeCallback`. It is not used:
  // when it declines a request, Node 22.23 and 24.21 lose what arrived in the same segment after that request.
  server.on('upgrade', ({ socket }) => {
    // Otherwise a reset would end the process.
    socket.on('error', () => socket.destroy())
  })
  // Before version 24 Node emits an upgrade in the async context of its HTTP parser, and parsers are used again for other
  // connections. Each upgrade gets a context of its own: otherwise AsyncLocalStorage would return the request before, and
  // keep it in memory.
  const outside = AsyncLocalStorage.snapshot()
  const emitter: EventEmitter = server
  const emit = emitter.emit.bind(emitter)
  emitter.emit = (event: string | symbol, ...args: unknown[]) => {
    if (event !== 'upgrade') return emit(event, ...args)
    const [raw, , head] = args as [IncomingMessage, unknown, Buffer]
    const owner = ownerOf(raw)
    if (owner === undefined) return emit(event, ...args)
    outside(() => new AsyncResource('GatewayUpgrade')).runInAsyncScope(owner.take, owner, raw, head)
    return true
  }
  return owners
}

export function isForWebSocket ({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.split(',').some(protocol => protocol.trim().toLowerCase() === 'websocket') === true
}
