import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { toTenantError } from './tenant-error.js'

/** The tenant's answer to one request. */
export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  /** A buffer where all of it came at once, else a stream that reads no faster than it is read. */
  body: Buffer | Readable
}

/**
 * Sends one request to the tenant and leaves it when the client of `response` leaves, at any time. Rejects with what the dispatcher raises
 * as long as nothing of the answer was passed on; later the body is destroyed, with a GatewayError.
 */
export async function exchange (dispatcher: Dispatcher, options: Dispatcher.DispatchOptions, response: ServerResponse): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined
    let status = 0
    let headers: IncomingHttpHeaders = {}
    let early: Buffer[] = []
    let body: Readable | undefined
    let over = false

    function leave (): void {
      if (!over) controller?.abort(new Error('the client left'))
    }
    response.once('close', leave)

    /** Runs when all that came together with the headers has been taken. */
    function answer (): void {
      if (over && body === undefined) {
        resolve({ status, headers, body: early.length === 1 ? early[0] as Buffer : Buffer.concat(early) })
        return
      }
      body = new Readable({
        read () { controller?.resume() },
        destroy (error, done) {
          leave()
          done(error)
        }
      })
      for (const chunk of early) body.push(chunk)
      early = []
      resolve({ status, headers, body })
    }

    dispatcher.dispatch(options, {
      onRequestStart (started) {
        controller = started
        // While it waited for a token or a connection.
        if (response.destroyed) leave()
      },
      onResponseStart (_controller, statusCode, received) {
        // An interim answer (RFC 9110, section 15.2) is for this connection.
        if (statusCode < 200) return
        status = statusCode
        headers = received
        queueMicrotask(answer)
      },
      onResponseData (reading, chunk) {
        if (body === undefined) early.push(chunk)
        else if (!body.push(chunk)) reading.pause()
      },
      onResponseEnd () {
        over = true
        body?.push(null)
      },
      onResponseError (_controller, error) {
        over = true
        reject(error)
        body?.destroy(toTenantError(error))
      }
    })
  })
}
