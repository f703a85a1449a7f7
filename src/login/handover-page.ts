import { createHash } from 'node:crypto'
import { pageHeaders, renderPage } from '../pages.js'
import { addCode, type HandoverRequest } from './handover.js'

// The address of this document still holds the code and state of the login. A popup whose opener is gone, or was cut off by a
// Cross-Origin-Opener-Policy on the way, becomes the page itself.
const script = `const { code, origin, address } = document.querySelector('main').dataset
history.replaceState(null, '', location.pathname)
if (code !== undefined && window.opener !== null && !window.opener.closed) {
  window.opener.postMessage({ type: 'qlik-gateway-code', code }, origin)
  window.close()
} else {
  location.replace(address)
}`

const scriptHash = createHash('sha256').update(script).digest('base64')

/** Headers that let the page run its one script. */
export const handoverHeaders = {
  ...pageHeaders,
  'content-security-policy': `${pageHeaders['content-security-policy']}; script-src 'sha256-${scriptHash}'`
}

/**
 * The page at which a login for an embedding page ends: it hands the code to its opener, of exactly that page's origin,
 * or goes there with it.
 */
export function renderHandover ({ popup }: HandoverRequest, code: string, returnTo: string): string {
  return renderPage({
    title: 'You are signed in',
    text: 'You can close this window and go on where you were.',
    data: { ...(popup ? { code, origin: new URL(returnTo).origin } : {}), address: addCode(returnTo, code) },
    script
  })
}
