import pino from 'pino'

/** Where the log goes, a line at a time. */
export interface LogStream { write: (line: string) => void }

const longestWaitMs = 10
const mostCharacters = 65_536

/**
 * Writes lines together, after ten milliseconds, when they have become many, and at the exit of the process at the latest: a write for
 * each costs a tenth of forwarding a request. `fd` is standard output unless given.
 */
export function createLogStream (fd = 1): LogStream {
  const file = pino.destination({ dest: fd, sync: true })
  let lines = ''
  let timer: NodeJS.Timeout | undefined
  function flush (): void {
    clearTimeout(timer)
    timer = undefined
    if (lines !== '') file.write(lines)
    lines = ''
  }
  process.once('exit', flush)
  return {
    write (line) {
      lines += line
      if (lines.length >= mostCharacters) flush()
      else timer ??= setTimeout(flush, longestWaitMs)
    }
  }
}
