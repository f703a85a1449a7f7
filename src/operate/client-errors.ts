import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { renderErrorAnswer, type ErrorCode } from '../errors.js'

/** What Node raises for bytes that it cannot read as a request. */
export type ClientError = Error & { code?: string, rawPacket?: Buffer, bytesParsed?: number }

/**
 * Answers what is no request, when all that came before it on its connection is answered; `told` gets the error that it was answered with.
 * Written at once, it would stand in the middle of an answer under way. Nothing is told to a client that is gone.
 */
export function answerClientError (error: ClientError, socket: Socket, told: (code: ErrorCode) => void): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  // As Node's own handler finds it: the answer that the connection carries, if any.
  const answer = (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined
  if (answer?.req.complete === true) {
    answer.once('close', () => { process.nextTick(answerClientError, error, socket, told) })
  } else if (answer?.headersSent === true) {
    // Its own request is the one that cannot be read any further.
    socket.destroy()
  } else {
    const code = codeOf(error)
    socket.end(renderErrorAnswer(code))
    told(code)
  }
}

function codeOf ({ code, rawPacket, bytesParsed = 0 }: ClientError): ErrorCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'GW-REQUEST-TIMEOUT'
  if (code !== 'HPE_HEADER_OVERFLOW') return 'GW-BAD-REQUEST'
  // Node counts the address and the headers together.
  const read = rawPacket?.toString('latin1', 0, bytesParsed) ?? ''
  const isAddress = /(?:^|\r\n\r\n)[A-Z-]+ [^\r\n]*$/.test(read)
  return isAddress ? 'GW-URL-TOO-LONG' : 'GW-TOO-MANY-COOKIES'
}
