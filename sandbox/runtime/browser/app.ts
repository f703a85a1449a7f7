import type { AppSession, Doc, WebSocketEvent } from '@qlik/api/qix'
import { openAppSession } from 'runtime:qix'
import { isResumedByClient, readCloseReason } from './close-codes.js'
import { EmbedError } from './embed-error.js'
import type { EmbedProps } from './props.js'
import { checkAccess, isSignedOut, signedOutError } from './tenant.js'

/**
 * An opened app: the engine's document, and the session whose socket is shared by all elements with the same host, app
 * and identity.
 */
export interface App { doc: Doc, session: AppSession, language: string | undefined }

/** Opens the app of `props`, after checking that the tenant accepts the user. Throws an EmbedError. */
export async function openApp (props: EmbedProps, appId: string): Promise<App> {
  const { hostConfig, identity, language } = props
  const user = await checkAccess(hostConfig)
  // The client shares one socket per host, app and identity, and keeps it for five seconds after its last use.
  const session = openAppSession({
    appId,
    ...(identity === undefined ? {} : { identity }),
    ...(hostConfig === undefined ? {} : { hostConfig })
  })
  try {
    return { doc: await Promise.race([session.getDoc(), waitForRefusal(session)]), session, language: language ?? user.locale }
  } catch (cause) {
    // Without a delay: otherwise a new attempt would get the same closed socket.
    await session.close({ websocketCloseDelay: -1 })
    const { code } = cause as { code?: number }
    if ((isRefusal(code) || code === 4006) && await isSignedOut(hostConfig)) throw signedOutError(cause)
    throw explainOpening(cause, appId)
  }
}

/**
 * Rejects if the engine accepts the socket and then closes it for good. In that case the client's promise of the
 * document never settles.
 */
async function waitForRefusal (session: AppSession): Promise<never> {
  return await new Promise((_resolve, reject) => {
    session.onWebSocketEvent(event => {
      const { eventType, code = 0, reason } = event as WebSocketEvent & { code?: number, reason?: string }
      if (eventType === 'closed' || (eventType === 'suspended' && !isResumedByClient(code))) {
        reject(Object.assign(new Error(readCloseReason(reason) ?? `The engine closed the connection (${code}).`), { code }))
      }
    })
  })
}

/**
 * A page sees a refused upgrade as close code 1006, or as an error of enigma.js with a negative code or none, whatever
 * the HTTP status was.
 */
function isRefusal (code = -1): boolean {
  return code < 0 || code === 1006
}

function explainOpening (cause: unknown, appId: string): EmbedError {
  const { code, message = '' } = cause as { code?: number, message?: string }
  if (code === 4204) {
    return new EmbedError(
      `There is no app «${appId}», or you have no access to it.`,
      'Check the attribute app-id, and whether the app is shared with you.',
      { cause }
    )
  }
  if (code === 4203) return new EmbedError(`You may not open the app «${appId}».`, 'Ask its owner for access.', { cause })
  if (isRefusal(code)) {
    return new EmbedError(
      `The connection to the app «${appId}» was refused or cut.`,
      'The app may not exist or may not be shared with you; else the server is out of reach: reload the page in a moment.',
      { cause }
    )
  }
  return new EmbedError(`The app «${appId}» could not be opened.`, `${message} Reload the page to try again.`, { cause })
}
