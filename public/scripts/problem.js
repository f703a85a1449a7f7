import { create } from './element.js'
import { signInUrl } from './gateway.js'

const remedies = new Map([
  [0, 'The gateway cannot be reached. Check that it runs.'],
  [401, 'Your session has ended.'],
  [403, 'You may not see this. Ask the administrator of the tenant for access.'],
  [429, 'The tenant asks to be called less often. Wait a minute, then try again.'],
  [502, 'The tenant did not answer. Try again in a moment.'],
  [503, 'The tenant did not answer. Try again in a moment.']
])

/** What went wrong and what to do, as an element: a link for people without a session, a button where trying again may help. */
export function describeProblem (error, tryAgain) {
  const { status, message } = error
  const text = remedies.get(status) ?? (status === undefined ? message : `The tenant answered ${status}.`)
  const box = create('p', { class: 'problem', role: 'alert' }, `${text} `)
  if (status === 401) {
    document.dispatchEvent(new CustomEvent('session-ended'))
    box.append(create('a', { href: signInUrl() }, 'Sign in again'))
  } else if (tryAgain !== undefined) {
    const button = create('button', { type: 'button', class: 'quiet button' }, 'Try again')
    button.addEventListener('click', tryAgain)
    box.append(button)
  }
  return box
}
