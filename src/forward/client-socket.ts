import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const keepAliveMs = 30_000
// A client that pipelines frames behind its handshake loses none, though it should wait (RFC 6455, section 4.1). Of one that was held back
// nobody would notice that it has left, so one that sends without end is cut.
const mostEarlyBytes = 65_536
// How long a refusal may make no progress, since the client reads nothing of it.
const answerMs = 10_000
// How long a client has to close after the last byte for it.
const lingerMs = 5_000

/**
 * The connection of a client that asked for an upgrade, from then on: Node has taken its own listeners off by that time. It reads, so that
 * a client that leaves is noticed in whatever is waited for, and keeps what it read.
 */
export class ClientSocket {
  readonly socket: Socket
  readonly #leaving = new AbortController()
  #early: Buffer[]
  #earlyBytes: number
  #stalled = (): void => {}

  constructor (socket: Socket, head: Buffer) {
    this.socket = socket
    this.#early = [head]
    this.#earlyBytes = head.length
    // An idle connection of HTTP had a time limit, and a browser that has vanished without a word would keep its session in use.
    socket.setTimeout(0).setKeepAlive(true, keepAliveMs)
    socket.on('error', this.#break).on('drain', this.#passDrain).on('data', this.#keep).on('end', this.#leave).on('close', this.#leave)
    // Node stops reading while the body of an earlier request waits, and goes on with listeners that are gone: the
    // stream would wait for ever.
    socket.push('')
  }

  /** Fires when the client has left: it was reset, or sends no more. */
  get left (): AbortSignal {
    return this.#leaving.signal
  }

  /**
   * Calls back when every earlier answer on this connection is out: at once where none is under way, and never when the
   * client leaves before. Who sends no more waits for no answer, as on every connection of Node's.
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
   * Lets a response be written to this connection, and closes it behind that; at once, with the response, when the
   * client leaves before it begins.
   */
  answer (response: ServerResponse): void {
    response.shouldKeepAlive = false
    response.assignSocket(this.socket)
    response.once('finish', () => { this.close() })
    // Until the answer begins it is the gateway that is waited for.
    this.#stalled = () => { if (response.headersSent) this.#break() }
    this.socket.setTimeout(answerMs, this.#stalled)
    this.left.addEventListener('abort', () => { if (!response.headersSent) this.socket.destroy() })
  }

  /**
   * Sends what was written, and ends. What the client still sends is read and dropped: unread, it would make a reset of
   * the end, which discards what was sent.
   */
  close (): void {
    const { socket } = this
    if (socket.destroyed) return
    socket.off('data', this.#keep).resume()
    socket.end()
    setTimeout(this.#break, lingerMs).unref()
  }

  /** Hands the connection over, paused and without a listener, with what was read from it. */
  release (): Buffer {
    this.socket.off('error', this.#break).off('drain', this.#passDrain).off('data', this.#keep)
    this.socket.off('end', this.#leave).off('close', this.#leave)
    this.socket.setTimeout(0).off('timeout', this.#stalled).pause()
    return Buffer.concat(this.#early)
  }

  readonly #break = () => { this.socket.destroy() }

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
 * The answer that Node lets write to a connection. Those of pipelined requests behind it wait in a queue of Node's own,
 * and take its place in turn.
 */
function answerUnderWay (socket: Socket & { _httpMessage?: ServerResponse | null }): ServerResponse | undefined {
  return socket._httpMessage ?? undefined
}
