import { readFile } from 'node:fs/promises'
import type { Signals } from '../signals.js'

export interface FollowedFile {
  file: string
  /** Called with the content at the start (`first`) and whenever it has changed. What it throws is passed to `refuse`. */
  take: (content: string, first: boolean) => unknown
  /** Called once with the reason why a content was not taken, or the file cannot be read. The content before it stays in use. */
  refuse: (failure: string) => void
  /** The file is read at once when these signal `reload`. */
  signals: Signals
  /** How often the file is read; every two seconds unless set. */
  intervalMs?: number | undefined
  /** The content that is in use already, if any. */
  seen?: string
}

/**
 * Follows a file. It is polled rather than watched, since Kubernetes replaces files by swapping a link to their folder.
 * Returns a function that stops it.
 */
export function followFile ({ file, take, refuse, signals, intervalMs = 2_000, ...begin }: FollowedFile): () => void {
  let seen = begin.seen
  let looking = Promise.resolve()

  async function look (): Promise<void> {
    const read = await readFile(file, 'utf8').then(content => ({ content, failure: undefined }), (error: NodeJS.ErrnoException) => (
      { content: undefined, failure: `cannot be read (${error.code})` }
    ))
    const found = read.content ?? `${read.failure}`
    if (found === seen) return
    const first = seen === undefined
    seen = found
    if (read.content === undefined) refuse(found)
    else await take(read.content, first)
  }

  // One after another, so that of two contents the later one stays.
  const lookAgain = () => { looking = looking.then(look).catch((error: Error) => { refuse(error.message) }) }
  lookAgain()
  const timer = setInterval(lookAgain, intervalMs).unref()
  signals.on('reload', lookAgain)
  return () => {
    clearInterval(timer)
    signals.off('reload', lookAgain)
  }
}
