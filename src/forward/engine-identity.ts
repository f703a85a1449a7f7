import { createHash } from 'node:crypto'

const identityLength = 22

/**
 * Adds an identity to the path of an engine socket, unless the page has chosen one. The engine shares selections among
 * sockets with the same user, app and identity, and visitors who share a user must not see each other's selections. The
 * tenant sees a hash of the session id, which gives no access to the gateway.
 */
export function addIdentity (path: string, sessionId: string): string {
  if (/^\/app\/[^/]+\/(?:.*\/)?identity\/[^/]/.test(path)) return path
  const identity = createHash('sha256').update(`engine ${sessionId}`).digest('base64url').slice(0, identityLength)
  return path.replace(/^\/app\/[^/]+/, app => `${app}/identity/${identity}`)
}
