import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'

/** The destination of the log, which takes one line at a time. */
export interface LogStream {
  write: (line: string) => void
  /** Called with the number of lines, when lines were dropped. */
  onDropped?: (lines: number) => void
}

const longestWaitMs = 10
const mostCharacters = 65_536
const mostWaitingBytes = 1_048_576
const exitMs = 200

/**
 * Writes lines in batches: after ten milliseconds, when enough have accumulated, and at the latest when the process
 * exits. A write for each line would cost a tenth of forwarding a request. `fd` is standard output by default.
 * Logging never waits for a reader. If a pipe is full, up to 1 MiB of lines are kept and further ones dropped, and when
 * the reader continues, a line says how many. A blocking write would stop the whole process including its probes, and
 * one in the thread pool would block its exit.
 */
export function createLogStream (fd = 1): LogStream {
  const output = openNonBlocking(fd)
  let lines = ''
  let waiting = Buffer.alloc(0)
  let dropped = 0
  let timer: NodeJS.Timeout | undefined

  function flush (): void {
    clearTimeout(timer)
    timer = undefined
    waiting = Buffer.concat([waiting, Buffer.from(lines)])
    lines = ''
    try {
      while (waiting.length > 0) waiting = waiting.subarray(writeSync(output, waiting))
      if (dropped > 0) {
        lines = JSON.stringify({ level: 40, time: Date.now(), dropped, msg: 'lines of the log were dropped: nobody read them' }) + '\n'
      }
      dropped = 0
    } catch (error) {
      // A reader that has gone will not come back.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') drop()
    }
    if (waiting.length > 0 || lines !== '') timer = setTimeout(flush, longestWaitMs).unref()
  }

  function drop (): void {
    note(waiting.filter(byte => byte === 10).length)
    waiting = Buffer.alloc(0)
  }

  function note (lines: number): void {
    dropped += lines
    stream.onDropped?.(lines)
  }

  process.once('exit', () => {
    flush()
    const endsAt = performance.now() + exitMs
    while ((waiting.length > 0 || lines !== '') && performance.now() < endsAt) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, longestWaitMs)
      flush()
    }
  })
  const stream: LogStream = {
    write (line) {
      if (waiting.length + lines.length > mostWaitingBytes) {
        note(1)
        return
      }
      lines += line
      if (lines.length >= mostCharacters && waiting.length === 0) flush()
      else timer ??= setTimeout(flush, longestWaitMs)
    }
  }
  return stream
}

/**
 * Opens the same output in non-blocking mode. It is opened anew, because changing the descriptor would affect other
 * processes that share it. A socket cannot be opened anew, so its own mode is changed.
 */
function openNonBlocking (fd: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_APPEND)
  } catch {
    if (fstatSync(fd).isSocket()) new Socket({ fd, readable: false, writable: true }).unref()
    return fd
  }
}
