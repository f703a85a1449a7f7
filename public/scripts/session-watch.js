import { base, readSession } from './gateway.js'

const leastPauseMs = 15_000
const longestTimerMs = 2 ** 31 - 1

/**
 * Reads the session again when the gateway tells of its end, when the person comes back to the page, and shortly before
 * and after its end; without word of the gateway never more often than every 15 seconds. `onRead` gets what the gateway
 * said; one out of reach is asked again at the next occasion.
 */
export function watchSession (session, onRead) {
  let current = session
  let readAt = Date.now()
  let timer

  async function readAgain () {
    if (Date.now() - readAt >= leastPauseMs) await read()
  }

  async function read () {
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
    timer = setTimeout(readAgain, Math.min(wait, longestTimerMs))
  }

  window.addEventListener('focus', readAgain)
  document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') readAgain() })
  listen(read)
  plan()
}

/**
 * Calls `onEnd` in every tab when the session is over. One tab holds the stream and tells the others: HTTP/1.1 allows
 * six connections to a host.
 */
function listen (onEnd) {
  const name = `qlik-gateway-session ${base}`
  const channel = new BroadcastChannel(name)
  channel.addEventListener('message', onEnd)
  navigator.locks.request(name, () => new Promise(resolve => {
    const events = new window.EventSource(new URL('gateway/events', base))
    events.addEventListener('signed-out', () => {
      events.close()
      channel.postMessage('signed-out')
      onEnd()
      // Another tab may have signed in again, and listens then.
      resolve()
    })
  }))
}
