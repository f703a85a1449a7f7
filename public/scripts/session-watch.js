import { readSession } from './gateway.js'

const leastPauseMs = 15_000
const longestTimerMs = 2 ** 31 - 1

/**
 * Reads the session again when the person comes back to the page and shortly before and after its end: never more often than every 15 seconds.
 * `onRead` gets what the gateway said; a gateway out of reach is asked again at the next occasion.
 */
export function watchSession (session, onRead) {
  let current = session
  let readAt = Date.now()
  let timer

  async function read () {
    if (Date.now() - readAt < leastPauseMs) return
    readAt = Date.now()
    try {
      current = await readSession()
    } catch {
      return
    }
    onRead(current)
    plan()
  }

  function plan () {
    clearTimeout(timer)
    if (!current.authenticated) return
    const left = Date.parse(current.expiresAt) - Date.now()
    // Another tab may have prolonged it: asked just before the end, and once more when it should be over.
    const wait = left > 2 * leastPauseMs ? left - leastPauseMs : Math.max(leastPauseMs, left) + 1000
    timer = setTimeout(read, Math.min(wait, longestTimerMs))
  }

  window.addEventListener('focus', read)
  document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') read() })
  plan()
}
