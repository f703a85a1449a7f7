import { AsyncResource } from 'node:async_hooks'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { isRepeatable, type TenantRequest } from '../tenants/noted-client.js'
import { toTenantError } from '../tenants/tenant-error.js'
import type { Transport } from '../tenants/transport.js'

/** The tenant's answer to one request. */
export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  /** A buffer if the body came all at once, otherwise a stream with back-pressure. */
  body: Buffer | Readable
}

/** Receives the outcome of an exchange: one of the first two methods is called, once. */
export interface ExchangeListener {
  answered: (answer: Answer) => void
  /**
   * Called with the dispatcher's error if nothing of the answer has been passed on. Later errors destroy the body, with
   * a GatewayError.
   */
  failed: (error: Error) => void
  /** Called once, last, when the dispatcher holds nothing of the request any more, not even in its queue. */
  over: () => void
}

type Dispatches = Pick<Transport, 'dispatch' | 'dispatchAnew'>

/**
 * Sends one request to the tenant, and abandons it at any time when the client of `response` leaves.
 * A repeatable request is sent once more if a kept-alive connection turns out to be closed before any byte of an answer
 * (RFC 9112, section 9.3.1). A request that has not been sent yet when its connection breaks is sent on another one,
 * whatever it is. Nothing else is repeated.
 */
export function exchange (transport: Dispatches, request: TenantRequest, response: ServerResponse, listener: ExchangeListener): void {
  const handler = new Exchange(transport, request, response, listener)
  response.on('close', () => { handler.leave() })
  handler.send(transport.dispatch)
}

/**
 * undici's handler for one request. It is a class because closures and a promise for each request cost a tenth of
 * forwarding it.
 */
class Exchange extends AsyncResource implements Dispatcher.DispatchHandler {
  readonly #transport: Dispatches
  readonly #request: TenantRequest
  readonly #response: ServerResponse
  readonly #listener: ExchangeListener
  /** `queued` until a connection takes it, `sent` until an answer begins, `answering` until the answer is complete. */
  #state: 'queued' | 'sent' | 'answering' | 'over' = 'queued'
  #controller: Dispatcher.DispatchController | undefined
  #isRepeated = false
  /** How many bytes the connection had received before this request. Set only if the request may be repeated. */
  #bytesBefore: number | undefined
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #early: Buffer[] = []
  #body: Readable | undefined

  constructor (transport: Dispatches, request: TenantRequest, response: ServerResponse, listener: ExchangeListener) {
    // The answer is handled in the async context of the request, with its AsyncLocalStorage. undici's callbacks have
    // another one.
    super('TenantExchange')
    this.#transport = transport
    this.#request = request
    this.#response = response
    this.#listener = listener
  }

  send (dispatch: Transport['dispatch']): void {
    dispatch(this.#request, this)
  }

  leave (): void {
    if (this.#state !== 'over') this.#controller?.abort(new Error('the client left'))
  }

  onRequestStart (controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#state = 'sent'
    const { connection } = this.#request
    const mayBeDead = connection?.isKept === true
    this.#bytesBefore = mayBeDead && isRepeatable(this.#request) ? connection.socket?.bytesRead : undefined
    if (connection !== undefined) connection.isKept = true
    // The client may have left while the request waited for a token or a connection.
    if (this.#response.destroyed) this.leave()
  }

  onResponseStart (_controller: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    // An interim answer (RFC 9110, section 15.2) concerns only this connection.
    if (statusCode < 200) return
    this.#state = 'answering'
    this.#status = statusCode
    this.#headers = headers
    // Runs after everything that arrived together with the headers has been handled.
    process.nextTick(streamRest, this)
  }

  onResponseData (controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#body === undefined) this.#early.push(chunk)
    else if (!this.#body.push(chunk)) controller.pause()
  }

  onResponseEnd (): void {
    this.#state = 'over'
    if (this.#body !== undefined) this.#body.push(null)
    else this.#answer(this.#early.length === 1 ? this.#early[0] as Buffer : Buffer.concat(this.#early))
    this.#listener.over()
  }

  onResponseError (_controller: Dispatcher.DispatchController, error: Error): void {
    if (!this.#mayRepeat()) {
      this.#fail(error)
      return
    }
    this.#isRepeated = true
    this.send(this.#transport.dispatchAnew)
  }

  /** Passes on the answer so far, and streams the rest. A complete answer has been passed on already. */
  streamRest (): void {
    if (this.#state === 'over') return
    this.#body = new Readable({
      read: () => { this.#controller?.resume() },
      destroy: (error, done) => {
        this.leave()
        done(error)
      }
    })
    for (const chunk of this.#early) this.#body.push(chunk)
    this.#early = []
    this.#answer(this.#body)
  }

  #mayRepeat (): boolean {
    if (this.#isRepeated || this.#response.destroyed) return false
    const socket = this.#request.connection?.socket
    // undici waits for one turn of the event loop before it uses an idle connection, and fails the request if a reset
    // arrives in it. If there is no socket, the tenant could not be connected to.
    if (this.#state === 'queued') return socket !== undefined
    return this.#state === 'sent' && this.#bytesBefore !== undefined && this.#bytesBefore === socket?.bytesRead
  }

  #fail (error: Error): void {
    this.#state = 'over'
    // undici does not destroy the body of a request that it has not begun to send.
    if (this.#request.body instanceof Readable) this.#request.body.destroy()
    if (this.#body === undefined) this.runInAsyncScope(this.#listener.failed, this.#listener, error)
    else this.#body.destroy(toTenantError(error))
    this.#listener.over()
  }

  #answer (body: Buffer | Readable): void {
    this.runInAsyncScope(this.#listener.answered, this.#listener, { status: this.#status, headers: this.#headers, body })
  }
}

function streamRest (exchange: Exchange): void {
  exchange.streamRest()
}
