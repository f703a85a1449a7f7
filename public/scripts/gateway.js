/** Where the gateway is mounted, with a slash at the end: this file lies in its folder `scripts`. */
export const base = new URL('..', import.meta.url).href

/** How Qlik's components and @qlik/api reach the tenant: through the gateway, with the cookie that the browser adds by itself. */
export const hostConfig = { host: base.replace(/\/$/, ''), authType: 'none' }

/** What the gateway says of the session; throws an Error with words for people. */
export async function readSession () {
  const response = await ask('gateway/session', { headers: { accept: 'application/json' }, cache: 'no-store' })
  if (!response.ok) throw new Error(`The gateway answered ${response.status}. Wait a moment, then reload the page.`)
  return await response.json()
}

/** The address that signs in and leads back to where the page is now, with its query and fragment. */
export function signInUrl ({ loginUrl } = { loginUrl: new URL('login', base).href }) {
  const { pathname, search, hash } = window.location
  return `${loginUrl}?returnto=${encodeURIComponent(pathname + search + hash)}`
}

/** Ends the session at the gateway and at the tenant; throws an Error with words for people. */
export async function signOut ({ csrfToken }) {
  const response = await ask('logout', { method: 'POST', headers: { 'qlik-csrf-token': csrfToken } })
  if (!response.ok) throw new Error(`You are still signed in: the gateway answered ${response.status}. Try again.`)
}

async function ask (path, init) {
  try {
    return await fetch(new URL(path, base), init)
  } catch (cause) {
    throw new Error('The gateway cannot be reached. Check that it runs, then reload the page.', { cause })
  }
}
