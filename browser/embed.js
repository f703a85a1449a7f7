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
  const joinMs = 1_000

  let csrfToken
  /** The sign-in that calls wait for, and what ends the waiting. */
  let waiting
  let resolveWaiting
  /** How often another tab has told of a sign-in that this one could use. */
  let signInsElsewhere = 0
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

  // Where the browser keeps no cookie for this page, the page holds the session itself, sealed, and proves each call by
  // a key that no script can read. Both are in memory alone; what is stored says only that it was so.
  const heldName = `${storagePrefix}held`
  const renewMs = 30_000
  let held
  let wasHeld = false
  let renewedAt = 0
  let renewal
  let onJoined

  async function call (path, { method = 'GET', headers, ...init } = {}) {
    const by = held
    const response = await fetch(base + path, {
      method,
      credentials: by === undefined ? 'include' : 'omit',
      cache: 'no-store',
      headers: { ...headers, ...await prove(by, method) },
      ...init
    })
    const renewed = response.headers.get('qlik-gateway-session')
    if (renewed !== null && by !== undefined && by === held) {
      hold({ ...held, session: renewed })
      channel.postMessage({ type: 'held', held })
    }
    return response
  }

  async function createKey () {
    const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
    const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey)
    return { privateKey, key: { kty, crv, x, y } }
  }

  /** The headers that bring a session which the page holds; none for a cookie. */
  async function prove (by, method) {
    if (by === undefined) return {}
    const { session, privateKey, key, aheadMs } = by
    const claims = {
      htm: method.toUpperCase(),
      origin: window.location.origin,
      ath: await hash(session),
      jti: random(),
      iat: Math.floor((Date.now() + aheadMs) / 1000)
    }
    const header = { alg: 'ES256', typ: 'qlik-gateway-proof+jwt', jwk: key }
    const signed = [header, claims].map(part => encode(toBytes(JSON.stringify(part)))).join('.')
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, toBytes(signed))
    return { 'qlik-gateway-session': session, 'qlik-gateway-proof': `${signed}.${encode(new Uint8Array(signature))}` }
  }

  function hold (session) {
    if (held === undefined) navigator.locks.request(heldName, { mode: 'shared' }, () => new Promise(() => {}))
    held = session
    note(true)
  }

  /** Notes for the next load of this tab that a sign-in may need no button; tells whether it was noted. */
  function note (isHeld) {
    try {
      const known = sessionStorage.getItem(heldName) !== null
      if (isHeld) sessionStorage.setItem(heldName, '')
      else sessionStorage.removeItem(heldName)
      return known
    } catch {
      return false
    }
  }

  /** Takes over the session that another tab of this site holds. */
  async function join () {
    const { held: locks } = await navigator.locks.query()
    if (!locks.some(({ name }) => name === heldName)) return
    await new Promise(resolve => {
      onJoined = resolve
      channel.postMessage({ type: 'join' })
      // That tab may be on its way out.
      setTimeout(resolve, joinMs)
    })
    onJoined = undefined
  }

  /** Sockets and streams of events carry no headers. The answer brings what calls of Qlik's client have renewed, too. */
  async function fetchTicket () {
    renewedAt = Date.now()
    const response = await call('/gateway/ticket', { method: 'POST' })
    return response.ok ? (await response.json()).ticket : ''
  }

  // The answers to calls of Qlik's client may bring renewed tokens, and are not seen here. So it asks for them: at once, or
  // half a minute after it asked last. A page that then falls silent would otherwise keep a refresh token that is spent.
  function renew () {
    renewal ??= setTimeout(() => {
      renewal = undefined
      if (held !== undefined) fetchTicket().catch(() => {})
    }, Math.max(0, renewedAt + renewMs - Date.now()))
  }

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
      const known = signInsElsewhere
      const token = await readToken()
      if (token !== undefined) return token
      // The answer may be from before the sign-in of another tab, which will not tell of it again.
      if (signInsElsewhere !== known) continue
      if (!served && note(false) && script.dataset.assertionUrl === undefined) {
        // A page that was loaded anew has lost what it held. Where the tenant's login lives, it comes back by itself.
        window.location.replace(await loginAddress(false))
        await new Promise(() => {})
      }
      await waitForSignIn()
    }
  }

  // Sign-in: a popup, or the whole page where there can be none.

  function waitForSignIn () {
    waiting ??= new Promise(resolve => { resolveWaiting = resolve })
    // Whoever has signed out is not signed in again unasked.
    if (script.dataset.assertionUrl !== undefined && !left) {
      signInByStatement()
      return waiting
    }
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

  let stating

  /** The page's own server says who its user is. One statement is under way at a time, since each is good once. */
  function signInByStatement () {
    stating ??= bringStatement().catch(error => { showPanel(error.message) }).finally(() => { stating = undefined })
  }

  async function bringStatement () {
    const told = sessionOver && wasHeld
    if (told && tell('signed-in')) {
      // The page is loaded anew, and what it would hold now would be lost by that: it brings a statement then.
      window.location.reload()
      return
    }
    const statement = await fetch(new URL(script.dataset.assertionUrl, document.baseURI), { credentials: 'include', cache: 'no-store' })
    if (!statement.ok) throw new Error(`This site does not say who you are (${statement.status}).`)
    const assertion = (await statement.text()).trim()
    await trade('/gateway/assertion', { assertion }, told)
  }

  async function onClick () {
    if (script.dataset.assertionUrl !== undefined) {
      signInByStatement()
      return
    }
    if (!openPopup()) window.location.assign(await loginAddress(false))
  }

  async function loginAddress (inPopup) {
    const verifier = random()
    const challenge = await hash(verifier)
    keepVerifier(challenge, verifier)
    const { href, origin, pathname } = window.location
    const query = new URLSearchParams({
      returnto: href.length > longestReturnAddress ? origin + pathname : href,
      handover: challenge,
      ...(inPopup ? { popup: '' } : {}),
      ...(left ? { prompt: 'login' } : {})
    })
    return `${base}/login?${query}`
  }

  const toBytes = text => new TextEncoder().encode(text)
  const hash = async text => encode(new Uint8Array(await crypto.subtle.digest('SHA-256', toBytes(text))))
  const random = () => encode(crypto.getRandomValues(new Uint8Array(32)))

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

  /** Trades a code for the session. A code that this page or one of its siblings did not ask for is left alone. */
  async function takeCode (code) {
    const challenge = code.split('.', 1)[0]
    const verifier = takeVerifier(challenge)
    if (verifier === undefined) return
    const told = sessionOver && wasHeld
    if (told && tell('signed-in')) {
      // The page is loaded anew, and what it would hold now would be lost by that: it takes the code then.
      keepVerifier(challenge, verifier)
      const address = new URL(window.location.href)
      address.hash += `${address.hash === '' ? '' : '&'}qlik-gateway-code=${code}`
      window.history.replaceState(window.history.state, '', address)
      window.location.reload()
      return
    }
    await trade('/gateway/handover', { code, verifier }, told)
  }

  /** Trades what proves who the user is for the session. `told`: the page knows that somebody has signed in. */
  async function trade (path, proof, told) {
    held = undefined
    const { privateKey, key } = await createKey()
    const response = await call(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...proof, key })
    })
    if (!response.ok) {
      showPanel('Signing in did not work. Please try again.')
      return
    }
    if (await readToken() === undefined && response.status === 200) {
      const { session, now } = await response.json()
      hold({ session, privateKey, key, aheadMs: now - Date.now() })
      await readToken()
    }
    if (csrfToken === undefined) showPanel('The browser did not keep the session: allow cookies for this site, then try again.')
    else {
      channel.postMessage({ type: 'signed-in', held })
      onSignedIn(told)
    }
  }

  /** `told`: the page knows already, and sees to itself. */
  function onSignedIn (told = false) {
    panel?.remove()
    panel = undefined
    const reloads = sessionOver
    sessionOver = left = wasHeld = false
    // Engine sockets do not come back by themselves after the end of a session.
    if (!told && tell('signed-in') && reloads) {
      window.location.reload()
      return
    }
    resolveWaiting?.()
    waiting = resolveWaiting = undefined
  }

  function onSignedOut () {
    csrfToken = undefined
    wasHeld ||= held !== undefined
    held = undefined
    note(false)
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
      if (place === null) {
        Object.assign(panel.style, {
          position: 'fixed',
          right: '1rem',
          bottom: '1rem',
          zIndex: '2147483647',
          maxWidth: '20rem',
          padding: '.75rem',
          font: '16px/1.5 system-ui, sans-serif',
          color: '#1d2733',
          background: '#fff',
          borderRadius: '.5rem',
          boxShadow: '0 2px 12px rgb(0 0 0 / .3)'
        })
      }
      const button = document.createElement('button')
      button.type = 'button'
      button.textContent = script.dataset.label ?? 'Sign in'
      Object.assign(button.style, {
        font: 'inherit',
        padding: '.5rem 1.1rem',
        border: '0',
        borderRadius: '.4rem',
        background: '#0b6b3a',
        color: '#fff',
        cursor: 'pointer'
      })
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

  async function listen () {
    const query = held === undefined ? '' : `?qlik-gateway-ticket=${await fetchTicket().catch(() => '')}`
    const events = new window.EventSource(`${base}/gateway/events${query}`, { withCredentials: true })
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
    else if (data.type === 'join' && held !== undefined) channel.postMessage({ type: 'held', held })
    else if (data.type === 'held' && (onJoined !== undefined || held?.key.x === data.held.key.x)) {
      hold(data.held)
      onJoined?.()
    } else if (data.type === 'signed-in' && (waiting !== undefined || sessionOver || !served)) {
      signInsElsewhere++
      if (data.held !== undefined) hold(data.held)
      if (waiting !== undefined || sessionOver) readToken().then(token => { if (token !== undefined) onSignedIn() }, () => {})
    }
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
  const arrival = code === undefined ? join().catch(() => {}) : takeCode(code).catch(error => { showPanel(error.message) })

  window.qlikGateway = {
    requiredProps: [],
    optionalProps: [],
    async getRestCallAuthParams ({ method }) {
      await arrival
      const reads = /^(get|head|options)$/i.test(method)
      // A page that only reads must hear of the end of its session too. Nothing waits for this.
      if (reads) firstRead ??= readToken().catch(() => {})
      if (held !== undefined) {
        renew()
        return { headers: await prove(held, method), queryParams: {}, credentials: 'omit' }
      }
      return { headers: reads ? {} : { 'qlik-csrf-token': csrfToken ?? await demandToken() }, queryParams: {}, credentials: 'include' }
    },
    // A refused socket does not say why, so the session is asked for anew.
    async getWebSocketAuthParams () {
      const token = await demandToken()
      return { queryParams: held === undefined ? { 'qlik-csrf-token': token } : { 'qlik-gateway-ticket': await fetchTicket() } }
    },
    getWebResourceAuthParams: async () => ({ queryParams: {} }),
    async handleAuthenticationError ({ status, canRetry }) {
      csrfToken = undefined
      if (status === 403 || !canRetry) return { retry: canRetry }
      await demandToken()
      return { retry: true }
    },
    session: async () => {
      await arrival
      const session = await readSession()
      return { ...session, way: held === undefined ? 'cookie' : 'page' }
    },
    signIn: async () => { await demandToken() },
    async signOut () {
      const token = csrfToken ?? await readToken()
      // Before the stream of events tells: the end of a session that nobody wanted may be mended at once.
      left = true
      if (token !== undefined) {
        const response = await call('/logout', { method: 'POST', headers: { 'qlik-csrf-token': token } })
        left = response.ok
        if (!response.ok) throw new Error(`The gateway answered ${response.status} to ${base}/logout.`)
      }
      endAll()
    }
  }
})()
