import { createHash } from 'node:crypto'
import { pageHeaders, renderPage } from '../pages.js'
import { addCode, type HandoverRequest } from './handover.js'

// The address of this document still contains the login's code and state. If the popup's opener is closed, or was cut
// off by a Cross-Origin-Opener-Policy, the popup itself becomes the page.
const script = `const { code, origin, address } = document.querySelector('main').dataset
history.replaceState(null, '', location.pathname)
if (code !== undefined && window.opener !== null && !window.opener.closed) {
  window.opener.postMessage({ type: 'qlik-gateway-code', code }, origin)
  window.close()
} else {
  location.replace(address)
}`

const scriptHash = createHash('sha256').update(script).digest('base64')

/** Headers that allow the one script of the page. */
export const handoverHeaders = {
  ...pageHeaders,
  'content-security-policy': `${pageHeaders['content-security-policy']}; script-src 'sha256-${scriptHash}'`
}

/**
 * Renders the page at which a login for an embedding page ends. It sends the code to its opener, if that has exactly
 * the page's origin, or navigates to the page with it.
 */
export function renderHandover ({ popup }: HandoverRequest, code: string, returnTo: string): string {
  return renderPage({
    title: 'You are signed in',
    text: 'You can close this window and go on where you were.',
    data: { ...(popup ? { code, origin: new URL(returnTo).origin } : {}), address: addCode(returnTo, code) },
    script
  })
}
