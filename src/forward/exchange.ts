import { AsyncResource } from 'node:async_hooks'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { toTenantError } from '../tenants/tenant-error.js'

/** The tenant's answer to one request. */
export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  /** A buffer where all of it came at once, else a stream that reads no faster than it is read. */
  body: Buffer | Readable
}

/** Who waits for an answer; one of the two is called, once. */
export interface Asker {
  answered: (answer: Answer) => void
  /** With what the dispatcher raises as long as nothing of the answer was passed on; later the body is destroyed, with a GatewayError. */
  failed: (error: Error) => void
}

/** Sends one request to the tenant and leaves it when the client of `response` leaves, at any time. */
export function exchange (dispatcher: Dispatcher, options: Dispatcher.DispatchOptions, response: ServerResponse, asker: Asker): void {
  const handler = new Exchange(response, asker)
  response.on('close', () => { handler.leave() })
  dispatcher.dispatch(options, handler)
}

/** What undici tells of one request. Functions of each request's own, and a promise for it, cost a tenth of forwarding it. */
class Exchange extends AsyncResource implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse
  readonly #asker: Asker
  #controller: Dispatcher.DispatchController | undefined
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #early: Buffer[] = []
  #body: Readable | undefined
  #over = false

  constructor (response: ServerResponse, asker: Asker) {
    // What follows from the answer belongs to the request, whose AsyncLocalStorage undici's callbacks do not have.
    super('TenantExchange')
    this.#response = response
    this.#asker = asker
  }

  leave (): void {
    if (!this.#over) this.#controller?.abort(new Error('the client left'))
  }

  onRequestStart (controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // While it waited for a token or a connection.
    if (this.#response.destroyed) this.leave()
  }

  onResponseStart (_controller: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    // An interim answer (RFC 9110, section 15.2) is for this connection.
    if (statusCode < 200) return
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
    this.#over = true
    if (this.#body !== undefined) this.#body.push(null)
    else this.#answer(this.#early.length === 1 ? this.#early[0] as Buffer : Buffer.concat(this.#early))
  }

  onResponseError (_controller: Dispatcher.DispatchController, error: Error): void {
    this.#over = true
    if (this.#body === undefined) this.runInAsyncScope(this.#asker.failed, undefined, error)
    else this.#body.destroy(toTenantError(error))
  }

  /** Passes on what there is, and the rest as it comes; an answer that is whole has been passed on already. */
  streamRest (): void {
    if (this.#over) return
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

  #answer (body: Buffer | Readable): void {
    this.runInAsyncScope(this.#asker.answered, undefined, { status: this.#status, headers: this.#headers, body })
  }
}

function streamRest (exchange: Exchange): void {
  exchange.streamRest()
}
