import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { renderErrorAnswer, type ErrorCode } from '../errors.js'

/** What Node raises for bytes that it cannot read as a request. */
export type ClientError = Error & { code?: string, rawPacket?: Buffer, bytesParsed?: number }

// Connections on which the answer to a malformed request waits for an earlier answer.
const waiting = new WeakSet<Socket>()

/**
 * Answers what is no request, when all that came before it on its connection is answered; `told` gets the error that it
 * was answered with. Written at once, it would stand in the middle of an answer under way. Nothing is told to a client
 * that is gone, nor a second time to one request.
 */
export function answerClientError (error: ClientError, socket: ParsedSocket, told: (code: ErrorCode) => void): void {
  const answer = socket._httpMessage ?? undefined
  // In the middle of a request nobody sends the end of the connection who still waits for an earlier answer, which may never come.
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
    // Its own request is the one that cannot be read any further.
    socket.destroy()
  } else if (answer === undefined && socket.parser?.incoming?.complete === false) {
    // So it is here, and its answer is out: it was refused before its body had come.
    socket.end()
  } else {
    const code = codeOf(error)
    socket.end(renderErrorAnswer(code))
    told(code)
  }
}

/**
 * A connection with what Node's own handler finds there: the answer that it carries, and its parser with the request
 * that was read last.
 */
type ParsedSocket = Socket & { _httpMessage?: ServerResponse | null, parser?: { incoming: IncomingMessage | null } | null }

function codeOf ({ code, rawPacket, bytesParsed }: ClientError): ErrorCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'GW-REQUEST-TIMEOUT'
  if (code !== 'HPE_HEADER_OVERFLOW' || rawPacket === undefined) return 'GW-BAD-REQUEST'
  // Node counts the address and the headers together.
  return isInAddress(rawPacket.toString('latin1'), bytesParsed) ? 'GW-URL-TOO-LONG' : 'GW-TOO-MANY-COOKIES'
}

/**
 * Whether a request is too long because of its address, judged by its last chunk alone. A chunk of 4,200 bytes without a
 * space is part of an address: cookies are shorter.
 */
function isInAddress (piece: string, bytesParsed: number | undefined): boolean {
  const read = piece.slice(0, bytesParsed)
  return /(?:^|\r\n\r\n)[A-Z-]+ [^\r\n]*$/.test(read) || /^\S{4200,}$/.test(read) || /^\S* HTTP\/1\.[01]\r\n/.test(piece)
}
