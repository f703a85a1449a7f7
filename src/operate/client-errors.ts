import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { renderErrorAnswer, type ErrorCode } from '../errors.js'

/** The error that Node raises for bytes that are no valid request. */
export type ClientError = Error & { code?: string, rawPacket?: Buffer, bytesParsed?: number }

// Connections on which the answer to a malformed request waits for an earlier answer.
const waiting = new WeakSet<Socket>()

/**
 * Answers malformed requests after all earlier requests on the connection have been answered: written at once, the
 * answer would end up in the middle of another. `told` gets the error that was sent. A client that has left gets no
 * answer, and no request gets two.
 */
export function answerClientError (error: ClientError, socket: ParsedSocket, told: (code: ErrorCode) => void): void {
  const answer = socket._httpMessage ?? undefined
  // A client that ends its side in the middle of a request does not wait for an earlier answer, which may never come.
  const hasLeft = error.code === 'ECONNRESET' || (error.code === 'HPE_INVALID_EOF_STATE' && answer?.req.complete === true)
  if (hasLeft || !socket.writable) {
    socket.destroy()
    return
  }
  // Node raises an error for each further chunk of malformed data.
  if (waiting.has(socket)) return
  if (answer?.req.complete === true) {
    waiting.add(socket)
    answer.once('close', () => {
      waiting.delete(socket)
      process.nextTick(answerClientError, error, socket, told)
    })
  } else if (answer?.headersSent === true) {
    // The response under way belongs to the request that turned out to be malformed.
    socket.destroy()
  } else if (answer === undefined && socket.parser?.incoming?.complete === false) {
    // That request has been answered: it was refused before its body had arrived.
    socket.end()
  } else {
    const code = codeOf(error)
    socket.end(renderErrorAnswer(code))
    told(code)
  }
}

/**
 * A connection with the fields that Node's own handler uses: the response that it carries, and its parser with the
 * latest request.
 */
type ParsedSocket = Socket & { _httpMessage?: ServerResponse | null, parser?: { incoming: IncomingMessage | null } | null }

function codeOf ({ code, rawPacket, bytesParsed }: ClientError): ErrorCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'GW-REQUEST-TIMEOUT'
  if (code !== 'HPE_HEADER_OVERFLOW' || rawPacket === undefined) return 'GW-BAD-REQUEST'
  // Node's limit covers the address and the headers together.
  return isInAddress(rawPacket.toString('latin1'), bytesParsed) ? 'GW-URL-TOO-LONG' : 'GW-TOO-MANY-COOKIES'
}

/**
 * Whether a request is too long because of its address, judged by its last chunk alone. A chunk of 4,200 bytes without
 * a space is part of an address, because cookies are shorter.
 */
function isInAddress (piece: string, bytesParsed: number | undefined): boolean {
  const read = piece.slice(0, bytesParsed)
  return /(?:^|\r\n\r\n)[A-Z-]+ [^\r\n]*$/.test(read) || /^\S{4200,}$/.test(read) || /^\S* HTTP\/1\.[01]\r\n/.test(piece)
}
