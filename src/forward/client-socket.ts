import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const keepAliveMs = 30_000
// How many bytes a client may send before the answer to its handshake, although it should wait for it (RFC 6455,
// section 4.1). They are kept. A client that sends more is disconnected: if it were paused instead, nobody would notice
// when it leaves.
const mostEarlyBytes = 65_536
// How long a refusal may make no progress because the client does not read it.
const answerMs = 10_000
// How long a client may take to close after it got the last byte.
const lingerMs = 5_000

/**
 * The connection of a client that asked for an upgrade. Node has removed its own listeners from it.
 * The connection keeps reading, so that a client that leaves is noticed whatever is being awaited, and stores what it
 * reads.
 */
export class ClientSocket {
  readonly socket: Socket
  readonly #leaving = new AbortController()
  #early: Buffer[]
  #earlyBytes: number
  #response: ServerResponse | undefined

  constructor (socket: Socket, head: Buffer) {
    this.socket = socket
    this.#early = [head]
    this.#earlyBytes = head.length
    // A connection that upgraded must not keep the idle timeout of HTTP, and TCP keep-alive detects a browser that
    // vanished, which would otherwise keep its session in use.
    socket.setTimeout(0).setKeepAlive(true, keepAliveMs)
    socket.on('error', this.#break).on('drain', this.#passDrain).on('data', this.#keep).on('end', this.#leave).on('close', this.#leave)
    // Node stops reading while the body of an earlier request is unread, and its listeners that would resume reading
    // are gone. Without this the stream would wait forever.
    socket.push('')
  }

  /** Aborted when the client has left: its connection was reset, or ended. */
  get left (): AbortSignal {
    return this.#leaving.signal
  }

  /**
   * Calls back when all earlier answers on this connection have been sent, which may be at once. It never calls back if
   * the client leaves before. Like on every connection of Node's server, a client that has ended its side gets no
   * further answers.
   */
  whenAnswered (proceed: () => void): void {
    const { socket, left } = this
    const answer = answerUnderWay(socket)
    if (socket.destroyed) return
    if (answer !== undefined && !left.aborted) {
      const leave = () => { this.close() }
      left.addEventListener('abort', leave)
      answer.once('close', () => {
        left.removeEventListener('abort', leave)
        this.whenAnswered(proceed)
      })
    // The last answer may have closed the connection.
    } else if (!socket.writable || left.aborted) this.close()
    else proceed()
  }

  /**
   * Lets a response write to this connection, and closes the connection after it. If the client leaves before the
   * response begins, both are closed at once.
   */
  answer (response: ServerResponse): void {
    response.shouldKeepAlive = false
    response.assignSocket(this.socket)
    response.once('finish', () => { this.close() })
    this.#response = response
    this.socket.setTimeout(answerMs, this.#endStalled)
    this.left.addEventListener('abort', () => { if (!response.headersSent) this.socket.destroy() })
  }

  /**
   * Sends what was written, then ends the connection. Further input is read and discarded: unread input would turn the
   * end into a reset, which can discard what was sent.
   */
  close (): void {
    const { socket } = this
    socket.off('data', this.#keep).resume()
    socket.end()
    setTimeout(this.#break, lingerMs).unref()
  }

  /** Hands over the connection, paused and without listeners. Returns what was read from it. */
  release (): Buffer {
    this.socket.off('error', this.#break).off('drain', this.#passDrain).off('data', this.#keep)
    this.socket.off('end', this.#leave).off('close', this.#leave)
    this.socket.setTimeout(0).off('timeout', this.#endStalled).pause()
    return Buffer.concat(this.#early)
  }

  readonly #break = () => { this.socket.destroy() }

  // Until the answer begins, the delay is the gateway's own and not the client's.
  readonly #endStalled = () => { if (this.#response?.headersSent === true) this.#break() }

  readonly #leave = () => { this.#leaving.abort() }

  readonly #keep = (chunk: Buffer) => {
    this.#early.push(chunk)
    this.#earlyBytes += chunk.length
    if (this.#earlyBytes > mostEarlyBytes) this.socket.destroy()
  }

  readonly #passDrain = () => {
    const answer = answerUnderWay(this.socket)
    if (answer?.writableNeedDrain === true) answer.emit('drain')
  }
}

/**
 * Returns the response that Node lets write to a connection. Responses to pipelined requests wait in an internal queue
 * until it is their turn.
 */
function answerUnderWay (socket: Socket & { _httpMessage?: ServerResponse | null }): ServerResponse | undefined {
  return socket._httpMessage ?? undefined
}
