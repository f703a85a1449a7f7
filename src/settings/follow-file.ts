import { readFile } from 'node:fs/promises'
import type { Signals } from '../signals.js'

export interface FollowedFile {
  file: string
  /** Takes the content over whenever it has changed; the first time is that of the start. What it raises is told to `refuse`. */
  take: (content: string, first: boolean) => unknown
  /** Hears once why a content is not taken, or why the file cannot be read. What was taken before stays in use. */
  refuse: (failure: string) => void
  /** `reload` has the file read at once. */
  signals: Signals
  /** How often the file is read; every two seconds unless set. */
  intervalMs?: number | undefined
}

/**
 * Follows a file. It is read rather than watched: Kubernetes swaps links in a folder above, of which the file itself tells nothing. Returns what
 * stops it.
 */
export function followFile ({ file, take, refuse, signals, intervalMs = 2_000 }: FollowedFile): () => void {
  let seen: string | undefined
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

  // One after another: of two contents the later one counts.
  const lookAgain = () => { looking = looking.then(look).catch((error: Error) => { refuse(error.message) }) }
  lookAgain()
  const timer = setInterval(lookAgain, intervalMs).unref()
  signals.on('reload', lookAgain)
  return () => {
    clearInterval(timer)
    signals.off('reload', lookAgain)
  }
}
