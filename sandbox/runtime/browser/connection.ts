import type { WebSocketEvent } from '@qlik/api/qix'
import type { App } from './app.js'
import { describeClose } from './close-codes.js'
import type { Frame } from './frame.js'
import { forgetNebula } from './nebula.js'

/**
 * Shows in the frame that the connection to the engine is lost, and whether it comes back. `onNewSession` is called if
 * the engine did not find the old session after a reconnection, so that selections and session objects are gone.
 * Returns a function that stops watching.
 */
export function watchConnection (app: App, frame: Frame, onNewSession: () => void): () => void {
  return app.session.onWebSocketEvent(onEvent)

  function onEvent (event: WebSocketEvent & { code?: number }) {
    switch (event.eventType) {
      case 'suspended':
        forgetNebula(app.doc)
        frame.showNotice(describeClose(event.code ?? 0), { label: 'Reconnect', run: reconnect })
        break
      case 'resuming':
        frame.showNotice('Reconnecting …')
        break
      case 'resumed':
        frame.showNotice(undefined)
        if (readSessionState(app) !== 'SESSION_ATTACHED') onNewSession()
        break
      default:
    }
  }

  function reconnect () {
    frame.showNotice('Reconnecting …')
    app.session.resume().catch((error: unknown) => {
      const { cause } = error as { cause?: unknown }
      const text =
        cause === 'unauthorized'
          ? 'You are signed out: sign in, then reconnect.'
          : cause === 'offline'
            ? 'The server cannot be reached.'
            : 'Reconnecting failed.'
      frame.showNotice(text, { label: 'Reconnect', run: reconnect })
    })
  }
}

/** @qlik/api keeps the session state, as the engine announced it, on the enigma session of every document. */
function readSessionState (app: App): string | undefined {
  return (app.doc as unknown as { session?: { sessionState?: string } }).session?.sessionState
}
