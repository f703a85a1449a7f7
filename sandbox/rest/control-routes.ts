import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Controls } from '../controls.js'
import { Refusal } from '../front/errors.js'
import type { Fault } from '../front/faults.js'
import type { OAuthClient } from '../oauth/clients.js'
import type { Settings } from '../settings.js'

/** Changes to make. All are optional and made in this order. */
interface Changes {
  clear?: boolean
  settings?: Partial<Settings>
  /** Replaces the faults. `pattern` is a regular expression for path and query, used instead of `path`. */
  faults?: (Omit<Fault, 'path' | 'until'> & { path?: string, pattern?: string })[]
  redirectUris?: string[]
  /** Changes the registrations of clients. */
  clients?: (Partial<OAuthClient> & { clientId: string })[]
  /** Creates users who have never signed in, or replaces the custom groups of existing ones. */
  users?: { subject: string, name?: string, email?: string, groups?: string[] }[]
  /** The only IPv4 addresses and ranges that may use the tenant. */
  allowAddresses?: string[]
  /** The original host name, then the aliases. */
  hostnames?: string[]
  disableUsers?: string[]
  enableUsers?: string[]
  revokeAll?: string[]
  endAccessTokens?: boolean
  closeSockets?: { code: number, reason?: string }
}

const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]'])

/** /sandbox: the controls for other processes on this machine. Pages in a browser cannot use them. */
export const controlRoutes: FastifyPluginAsync<{ controls: Controls }> = async (app, { controls }) => {
  app.addHook('onRequest', async request => { refuseBrowsers(request) })

  app.get('/sandbox/controls', async () => controls.describe())

  app.patch<{ Body: Changes | null }>('/sandbox/controls', async request => {
    try {
      applyChanges(controls, request.body ?? {})
    } catch (error) {
      throw new Refusal(400, 'SANDBOX-400', 'Bad request', error instanceof Error ? error.message : 'The changes are wrong.')
    }
    return controls.describe()
  })

  app.delete('/sandbox/controls', async (_request, reply) => {
    controls.clear()
    return await reply.code(204).send()
  })

  app.get<{ Querystring: { path?: string } }>('/sandbox/requests', async request => controls.log.under(request.query.path ?? '/'))
}

function applyChanges (controls: Controls, changes: Changes): void {
  if (changes.clear) controls.clear()
  if (changes.settings) controls.set(changes.settings)
  if (changes.faults) {
    controls.faults.clear()
    for (const { path, pattern, ...fault } of changes.faults) {
      if (path === undefined && pattern === undefined) throw new Error('A fault needs a path or a pattern.')
      controls.addFault({ ...fault, path: pattern === undefined ? path ?? '/' : new RegExp(pattern) })
    }
  }
  if (changes.redirectUris) controls.setRedirectUris(changes.redirectUris)
  for (const { clientId, ...client } of changes.clients ?? []) controls.setClient(client, clientId)
  for (const user of changes.users ?? []) controls.setUser(user)
  if (changes.allowAddresses) controls.allowAddresses(changes.allowAddresses)
  if (changes.hostnames) controls.setHostnames(changes.hostnames)
  for (const id of changes.disableUsers ?? []) controls.disableUser(id)
  for (const id of changes.enableUsers ?? []) controls.enableUser(id)
  for (const id of changes.revokeAll ?? []) controls.revokeAll(id)
  if (changes.endAccessTokens) controls.endAccessTokens()
  if (changes.closeSockets) controls.closeSockets(changes.closeSockets.code, changes.closeSockets.reason)
}

// Browsers send one of these headers from any page. The Host is checked because of DNS rebinding: a page's host name
// can resolve to loopback.
function refuseBrowsers ({ headers, host }: FastifyRequest): void {
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined || !loopbackHosts.has(new URL(`http://${host}`).hostname)) {
    throw new Refusal(403, 'SANDBOX-403', 'Forbidden', 'The controls are for programs on this machine, under a loopback host name.')
  }
}
