import { createHash } from 'node:crypto'

const identityLength = 22

/**
 * The path of an engine socket with an identity of the session's own, unless the page gave one: the engine shares
 * selections among sockets of one user, app and identity, and visitors who share a user must not see each other's. The
 * tenant learns a hash, which opens nothing here.
 */
export function addIdentity (path: string, sessionId: string): string {
  if (/^\/app\/[^/]+\/(?:.*\/)?identity\/[^/]/.test(path)) return path
  const identity = createHash('sha256').update(`engine ${sessionId}`).digest('base64url').slice(0, identityLength)
  return path.replace(/^\/app\/[^/]+/, app => `${app}/identity/${identity}`)
}
