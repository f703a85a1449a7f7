import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import type { Duplex } from 'node:stream'
import type { Controls } from '../controls.js'
import { Refusal, sendRefusal } from './errors.js'
import { applyFault, resetSocket } from './faults.js'
import { isTenant, pathOf, requestedOrigin, type Names } from './names.js'
import { refuseUpgrade, type AcceptUpgrade } from './upgrade.js'

type Handler = (req: IncomingMessage, res: ServerResponse) => void | Promise<void>

/** The handlers behind the request log and the faults. */
export interface FrontOptions {
  names: Names
  controls: Controls
  /** For /oauth/token and /oauth/revoke. */
  tokenCalls: Handler
  /** For the other endpoints of the authorization server. */
  authorization: Handler
  /** For controls, login, API and files. */
  routes: Handler
  upgrade: AcceptUpgrade
  log: (line: string) => void
}

/** The handlers for the listeners. */
export interface Front {
  onRequest (req: IncomingMessage, res: ServerResponse): void
  onUpgrade (req: IncomingMessage, socket: Duplex, head: Buffer): void
}

/** Handles every request: it is logged, faults apply, then the handler for its path is called. */
export function createFront (options: FrontOptions): Front {
  const { controls, log } = options

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const path = pathOf(req)
    if (path.startsWith('/sandbox/')) {
      await options.routes(req, res)
      return
    }
    controls.log.add(req)
    const fault = controls.faults.take(req)
    if (fault && await applyFault(fault, req, res)) return
    const refusal = refuseStranger(req, options)
    if (refusal) {
      sendRefusal(res, refusal)
      return
    }
    await chooseHandler(path, options)(nameOrigin(req, options.names), res)
  }

  const accept = async (req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    controls.log.add(req, true)
    const fault = controls.faults.take(req)
    if (fault?.delayMs && fault.closeCode === undefined) await wait(fault.delayMs)
    await fault?.until
    if (fault?.reset) {
      resetSocket(req.socket)
      return
    }
    if (fault?.status !== undefined) {
      const headers = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) }
      throw new Refusal(fault.status, 'SANDBOX-FAULT', 'Fault', 'A fault that was set by the sandbox controls.', headers)
    }
    const refusal = refuseStranger(req, options)
    if (refusal) throw refusal
    await options.upgrade(req, socket, head, fault)
  }

  return {
    onRequest: (req, res) => {
      answer(req, res).catch((error: unknown) => {
        log(`${req.method} ${pathOf(req)}: ${describeError(error)}`)
        if (res.headersSent) res.destroy()
        else sendRefusal(res, new Refusal(500, 'SANDBOX-500', 'Internal error', 'The sandbox failed; its log says why.'))
      })
    },
    onUpgrade: (req, socket, head) => {
      let isSettled = false
      // After the upgrade the engine handles errors as closes. Without any listener they would end the process.
      socket.on('error', error => { if (!isSettled) log(`upgrade ${pathOf(req)}: ${error.message}`) })
      accept(req, socket, head).then(() => { isSettled = true }, (error: unknown) => {
        if (!(error instanceof Refusal)) log(`upgrade ${pathOf(req)}: ${describeError(error)}`)
        refuseUpgrade(
          socket,
          error instanceof Refusal ? error : new Refusal(500, 'SANDBOX-500', 'Internal error', 'The sandbox failed; its log says why.')
        )
      })
    }
  }
}

function chooseHandler (path: string, { tokenCalls, authorization, routes }: FrontOptions): Handler {
  if (path === '/oauth/token' || path === '/oauth/revoke') return tokenCalls
  if (path.startsWith('/oauth/') || path === '/.well-known/oauth-authorization-server' || path === '/.well-known/jwks.json') {
    return authorization
  }
  return routes
}

/** Why a request is refused whatever its path. The second title is Qlik's. */
function refuseStranger (req: IncomingMessage, { names, controls }: FrontOptions): Refusal | undefined {
  if (!controls.ipPolicies.allows(req.socket.remoteAddress)) {
    return new Refusal(403, 'SANDBOX-IP', 'Forbidden', 'The IP address is not allowed to use the tenant.')
  }
  if (isTenant(req, names)) return undefined
  const headers = { 'access-control-allow-origin': '*' }
  return new Refusal(400, 'SANDBOX-HOSTNAME', 'No authentication configured for this hostname', 'No tenant has this hostname.', headers)
}

// oidc-provider builds its URLs from these headers, so those of the client are replaced.
function nameOrigin (req: IncomingMessage, names: Names): IncomingMessage {
  const { host, protocol } = new URL(requestedOrigin(req, names))
  req.headers['x-forwarded-host'] = host
  req.headers['x-forwarded-proto'] = protocol.slice(0, -1)
  return req
}

function describeError (error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error)
}
