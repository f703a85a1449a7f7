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
  /** A buffer where all of it came at once, else a stream that reads no faster than it is read. */
  body: Buffer | Readable
}

/** Who waits for an answer; one of the first two is called, once. */
export interface ExchangeListener {
  answered: (answer: Answer) => void
  /** With what the dispatcher raises as long as nothing of the answer was passed on; later the body is destroyed, with a GatewayError. */
  failed: (error: Error) => void
  /** The dispatcher has nothing of the request any more, in its queue neither: called once, last. */
  over: () => void
}

type Dispatches = Pick<Transport, 'dispatch' | 'dispatchAnew'>

/**
 * Sends one request to the tenant and leaves it when the client of `response` leaves, at any time. A request that may
 * be repeated is sent once more where a kept connection turns out to be dead before any byte of an answer (RFC 9112,
 * section 9.3.1); nothing else is.
 */
export function exchange (transport: Dispatches, request: TenantRequest, response: ServerResponse, listener: ExchangeListener): void {
  const handler = new Exchange(transport, request, response, listener)
  response.on('close', () => { handler.leave() })
  handler.send(transport.dispatch)
}

/** What undici tells of one request. Functions of each request's own, and a promise for it, cost a tenth of forwarding it. */
class Exchange extends AsyncResource implements Dispatcher.DispatchHandler {
  readonly #transport: Dispatches
  readonly #request: TenantRequest
  readonly #response: ServerResponse
  readonly #listener: ExchangeListener
  /** `queued` until a connection takes it, `sent` until an answer begins, `answering` until it is complete. */
  #state: 'queued' | 'sent' | 'answering' | 'over' = 'queued'
  #controller: Dispatcher.DispatchController | undefined
  /** What the connection had brought before this request, if it is one that is tried again when it is dead. */
  #bytesBefore: number | undefined
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #early: Buffer[] = []
  #body: Readable | undefined

  constructor (transport: Dispatches, request: TenantRequest, response: ServerResponse, listener: ExchangeListener) {
    // What follows from the answer belongs to the request, whose AsyncLocalStorage undici's callbacks do not have.
    super('TenantExchange')
    this.#transport = transport
    this.#request = request
    this.#response = response
    this.#listener = listener
  }

  send (dispatch: Transport['dispatch']): void {
    try {
      dispatch(this.#request, this)
    } catch (error) {
      // Undici refuses in its own words what it will not send.
      this.#fail(error as Error)
    }
  }

  leave (): void {
    if (this.#state !== 'over') this.#controller?.abort(new Error('the client left'))
  }

  onRequestStart (controller: Dispatcher.DispatchController): void {
    const isRepeated = this.#controller !== undefined
    this.#controller = controller
    this.#state = 'sent'
    const { connection } = this.#request
    const mayBeDead = connection?.isKept === true
    this.#bytesBefore = mayBeDead && !isRepeated && isRepeatable(this.#request) ? connection.socket?.bytesRead : undefined
    if (connection !== undefined) connection.isKept = true
    // While it waited for a token or a connection.
    if (this.#response.destroyed) this.leave()
  }

  onResponseStart (_controller: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    // An interim answer (RFC 9110, section 15.2) is for this connection.
    if (statusCode < 200) return
    this.#state = 'answering'
    this.#status = statusCode
    this.#headers = headers
    // Runs when all that came together with the headers has been taken.
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
    if (this.#mayRepeat()) this.send(this.#transport.dispatchAnew)
    else this.#fail(error)
  }

  /** Passes on what there is, and the rest as it comes; an answer that is whole has been passed on already. */
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
    return this.#state === 'sent' && !this.#response.destroyed && this.#bytesBefore !== undefined &&
      this.#bytesBefore === this.#request.connection?.socket?.bytesRead
  }

  #fail (error: Error): void {
    this.#state = 'over'
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
