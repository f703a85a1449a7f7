// The auth module `qlikGateway` of @qlik/api and qlik-embed, for pages whose site is not the gateway's. A plain script without
// dependencies; embed.d.ts describes what it puts on the window. Nothing here ever sees a token of the tenant.
(() => {
  const script = document.currentScript
  const base = new URL('..', script.src).href.replace(/\/$/, '')
  const gatewayOrigin = new URL(base).origin
  const storagePrefix = `qlik-gateway ${base} `
  const channel = new BroadcastChannel(`qlik-gateway ${base}`)
  const verifierMs = 600_000
  const readAgainMs = 15_000
  const longestReturnAddress = 1_900

  let csrfToken
  /** The sign-in that calls wait for, and what ends the waiting. */
  let waiting
  let resolveWaiting
  let popup
  let triedAutomatically = false
  let panel
  /** The page had a session, and heard that it is over: its engine sockets are closed. */
  let served = false
  let sessionOver = false
  /** The user has signed out: the next sign-in must ask who it is. */
  let left = false
  let watching = false
  let readAt = 0
  let firstRead

  const call = (path, init = {}) => fetch(base + path, { credentials: 'include', cache: 'no-store', ...init })

  /** The CSRF token of the session, undefined without one. */
  async function readToken () {
    // Not by /api/v1/csrf-token: its 401 would stand on the console at each sign-in.
    const session = await askSession()
    if (session.authenticated) return onSession(session.csrfToken)
    csrfToken = undefined
    return undefined
  }

  async function askSession () {
    const response = await call('/gateway/session')
    if (!response.ok) throw new Error(`The gateway answered ${response.status} to ${base}/gateway/session.`)
    return await response.json()
  }

  function onSession (token) {
    served = true
    csrfToken = token
    watch()
    return token
  }

  async function demandToken () {
    await arrival
    for (;;) {
      const token = await readToken()
      if (token !== undefined) return token
      await waitForSignIn()
    }
  }

  // Sign-in: a popup, or the whole page where there can be none.

  function waitForSignIn () {
    waiting ??= new Promise(resolve => { resolveWaiting = resolve })
    showPanel()
    if (script.dataset.autoPopup !== undefined && !triedAutomatically) {
      triedAutomatically = true
      openPopup()
    }
    return waiting
  }

  function openPopup () {
    if (popup !== undefined && !popup.closed) {
      popup.focus()
      return true
    }
    // At once, in the click: browsers let a page open no window a moment later.
    const opened = window.open('about:blank', '_blank', 'popup,width=520,height=720')
    if (opened === null) return false
    popup = opened
    loginAddress(true).then(address => { opened.location.replace(address) }, error => {
      opened.close()
      showPanel(error.message)
    })
    return true
  }

  async function onClick () {
    if (!openPopup()) window.location.assign(await loginAddress(false))
  }

  async function loginAddress (inPopup) {
    const verifier = encode(crypto.getRandomValues(new Uint8Array(32)))
    const challenge = encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))))
    keepVerifier(challenge, verifier)
    const { href, origin, pathname } = window.location
    const query = new URLSearchParams({ returnto: href.length > longestReturnAddress ? origin + pathname : href, handover: challenge, ...(inPopup ? { popup: '' } : {}), ...(left ? { prompt: 'login' } : {}) })
    return `${base}/login?${query}`
  }

  function encode (bytes) {
    return btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
  }

  // Not in memory alone: a popup that was cut off from this window comes back as a page of its own.
  const verifiers = new Map()

  function keepVerifier (challenge, verifier) {
    verifiers.set(challenge, verifier)
    try {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith(storagePrefix) && !(Date.now() - parseInt(localStorage.getItem(key)) < verifierMs)) localStorage.removeItem(key)
      }
      localStorage.setItem(storagePrefix + challenge, `${Date.now()} ${verifier}`)
    } catch {
      // Storage may be blocked; the popup does without it.
    }
  }

  function takeVerifier (challenge) {
    let verifier = verifiers.get(challenge)
    verifiers.delete(challenge)
    try {
      verifier ??= localStorage.getItem(storagePrefix + challenge)?.split(' ')[1]
      localStorage.removeItem(storagePrefix + challenge)
    } catch {
      // As above.
    }
    return verifier
  }

  /** Trades a code for the session cookie. A code that this page or one of its siblings did not ask for is left alone. */
  async function takeCode (code) {
    const verifier = takeVerifier(code.split('.', 1)[0])
    if (verifier === undefined) return
    const response = await call('/gateway/handover', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code, verifier }) })
    if (!response.ok) showPanel('Signing in did not work. Please try again.')
    else if (await readToken() === undefined) showPanel('The browser did not keep the session: allow cookies for this site, then try again.')
    else {
      channel.postMessage({ type: 'signed-in' })
      onSignedIn()
    }
  }

  function onSignedIn () {
    panel?.remove()
    panel = undefined
    const reloads = sessionOver
    sessionOver = left = false
    // Engine sockets do not come back by themselves after the end of a session.
    if (tell('signed-in') && reloads) {
      window.location.reload()
      return
    }
    resolveWaiting?.()
    waiting = resolveWaiting = undefined
  }

  function onSignedOut () {
    csrfToken = undefined
    if (!served || sessionOver) return
    sessionOver = true
    tell('signed-out')
    waitForSignIn()
  }

  /** Tells the page; false if it wants to see to it itself. */
  function tell (type, more) {
    return window.dispatchEvent(new CustomEvent('qlik-gateway', { detail: { type, ...more }, cancelable: true }))
  }

  function showPanel (problem) {
    if (panel === undefined) {
      panel = document.createElement('div')
      panel.setAttribute('role', 'status')
      panel.dataset.qlikGateway = 'sign-in'
      const place = document.querySelector('[data-qlik-gateway-sign-in]')
      // Properties, not a style sheet: a page's policy may forbid those.
      if (place === null) Object.assign(panel.style, { position: 'fixed', right: '1rem', bottom: '1rem', zIndex: '2147483647', maxWidth: '20rem', padding: '.75rem', font: '16px/1.5 system-ui, sans-serif', color: '#1d2733', background: '#fff', borderRadius: '.5rem', boxShadow: '0 2px 12px rgb(0 0 0 / .3)' })
      const button = document.createElement('button')
      button.type = 'button'
      button.textContent = script.dataset.label ?? 'Sign in'
      Object.assign(button.style, { font: 'inherit', padding: '.5rem 1.1rem', border: '0', borderRadius: '.4rem', background: '#0b6b3a', color: '#fff', cursor: 'pointer' })
      button.addEventListener('click', onClick)
      panel.append(document.createElement('span'), button)
      if (document.body !== null) (place ?? document.body).append(panel)
      else document.addEventListener('DOMContentLoaded', () => { if (panel !== undefined) (place ?? document.body).append(panel) })
    }
    panel.firstChild.textContent = problem === undefined ? '' : `${problem} `
  }

  // What the session does while the page is open.

  /** One tab of the site holds the stream of events and tells the others: HTTP/1.1 allows six connections to a host. */
  function watch () {
    if (watching) return
    watching = true
    navigator.locks.request(`qlik-gateway ${base}`, () => new Promise(() => { listen() }))
  }

  function listen () {
    const events = new window.EventSource(`${base}/gateway/events`, { withCredentials: true })
    events.addEventListener('expiring', ({ data }) => {
      const { expiresAt } = JSON.parse(data)
      channel.postMessage({ type: 'expiring', expiresAt })
      tell('expiring', { expiresAt })
    })
    events.addEventListener('signed-out', () => { events.close(); endAll(); listenAfterSignIn() })
    events.addEventListener('error', async () => {
      if (events.readyState !== window.EventSource.CLOSED) return
      // Refused, not cut: without a session, or by a gateway that drains.
      await readSession().catch(() => {})
      if (sessionOver) listenAfterSignIn()
      else setTimeout(listen, 5_000)
    })
  }

  function listenAfterSignIn () {
    const onMessage = ({ detail }) => {
      if (detail.type !== 'signed-in') return
      window.removeEventListener('qlik-gateway', onMessage)
      listen()
    }
    window.addEventListener('qlik-gateway', onMessage)
  }

  function endAll () {
    channel.postMessage({ type: 'signed-out', left })
    onSignedOut()
  }

  async function readSession () {
    readAt = Date.now()
    const session = await askSession()
    if (session.authenticated) onSession(session.csrfToken)
    else onSignedOut()
    return session
  }

  /** A tab that was asleep or offline asks whether it still has a session. */
  function wake () {
    if (served && !sessionOver && document.visibilityState === 'visible' && Date.now() - readAt > readAgainMs) readSession().catch(() => {})
  }

  document.addEventListener('visibilitychange', wake)
  window.addEventListener('online', wake)
  // WebKit keeps pages with open sockets for the way back, and closes the sockets; Qlik's client does not open them again.
  window.addEventListener('pageshow', ({ persisted }) => { if (persisted && served) window.location.reload() })

  channel.addEventListener('message', ({ data }) => {
    if (data.type === 'signed-out') {
      left ||= data.left
      onSignedOut()
    } else if (data.type === 'expiring') tell('expiring', { expiresAt: data.expiresAt })
    else if (data.type === 'signed-in' && (waiting !== undefined || sessionOver)) readToken().then(token => { if (token !== undefined) onSignedIn() }, () => {})
  })

  window.addEventListener('message', ({ origin, source, data }) => {
    if (origin !== gatewayOrigin || source !== popup || data?.type !== 'qlik-gateway-code' || typeof data.code !== 'string') return
    popup = undefined
    takeCode(data.code).catch(error => { showPanel(error.message) })
  })

  // A code in the address is removed before anything else can read or bookmark it; the page's own fragment stays.
  const [found, code] = /[#&]qlik-gateway-code=([\w.-]+)$/.exec(window.location.hash) ?? []
  if (found !== undefined) {
    const { pathname, search, hash } = window.location
    window.history.replaceState(window.history.state, '', pathname + search + hash.slice(0, -found.length))
  }
  const arrival = code === undefined ? Promise.resolve() : takeCode(code).catch(error => { showPanel(error.message) })

  window.qlikGateway = {
    requiredProps: [],
    optionalProps: [],
    async getRestCallAuthParams ({ method }) {
      await arrival
      const reads = /^(get|head|options)$/i.test(method)
      // A page that only reads must hear of the end of its session too. Nothing waits for this.
      if (reads) firstRead ??= readToken().catch(() => {})
      return { headers: reads ? {} : { 'qlik-csrf-token': csrfToken ?? await demandToken() }, queryParams: {}, credentials: 'include' }
    },
    // A refused socket does not say why, so the session is asked for anew.
    getWebSocketAuthParams: async () => ({ queryParams: { 'qlik-csrf-token': await demandToken() } }),
    getWebResourceAuthParams: async () => ({ queryParams: {} }),
    async handleAuthenticationError ({ status, canRetry }) {
      csrfToken = undefined
      if (status === 403 || !canRetry) return { retry: canRetry }
      await demandToken()
      return { retry: true }
    },
    session: async () => {
      await arrival
      return await readSession()
    },
    signIn: async () => { await demandToken() },
    async signOut () {
      const token = csrfToken ?? await readToken()
      if (token !== undefined) {
        const response = await call('/logout', { method: 'POST', headers: { 'qlik-csrf-token': token } })
        if (!response.ok) throw new Error(`The gateway answered ${response.status} to ${base}/logout.`)
      }
      left = true
      endAll()
    }
  }
})()
