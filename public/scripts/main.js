import { find } from './element.js'
import { readSession, signInUrl, signOut } from './gateway.js'
import { showRemaining } from './remaining-time.js'
import { watchSession } from './session-watch.js'

let session

try {
  session = await readSession()
  if (session.authenticated) await showSignedIn()
  else showSignedOut()
} catch (error) {
  showPage()
  showNotice(error.message)
}

function showSignedOut ({ justNow = false } = {}) {
  for (const id of ['account', 'signed-in', 'notice']) find(id).hidden = true
  find('welcome').hidden = false
  find('signed-out-note').hidden = !justNow
  find('sign-in').href = signInUrl(session)
  document.title = 'Sign in · Qlik embed gateway'
  showPage()
}

async function showSignedIn () {
  find('account').hidden = false
  showUser(session.user)
  showPage()
  showRemaining(find('remaining'), () => Date.parse(session.expiresAt))
  watchSession(session, onSession)
  // A call that is refused knows it first.
  document.addEventListener('session-ended', () => { onSession({ authenticated: false, loginUrl: session.loginUrl }) })
  find('sign-out').addEventListener('click', leave)
  document.title = 'Dashboard · Qlik embed gateway'

  // Late: the sign-in page needs none of the code of Qlik.
  const [dashboard, items, browser, own] = await Promise.all([
    import('./dashboard.js'), import('./items-panel.js'), import('./browser-panel.js'), import('./own-tenant-panel.js')
  ])
  await dashboard.showPlaces()
  find('signed-in').hidden = false
  await Promise.all([dashboard.showDashboard(), items.showItems(), own.showOwnTenant()])
  browser.showBrowserFacts()
}

/** Not before it is known what the page shows: it would move. */
function showPage () {
  find('waiting').hidden = true
  for (const id of ['top', 'content']) find(id).hidden = false
}

/** The tenant may give no profile: the session is as good without. */
function showUser (user) {
  const name = user?.name ?? 'Signed in'
  const groups = (user?.assignedGroups ?? []).map(group => group.name)
  find('user-name').textContent = name
  find('user-groups').textContent = groups.join(', ')
  find('initials').textContent = name.split(/\s+/).map(word => word[0]).slice(0, 2).join('').toUpperCase()
  if (groups.length > 0) find('dashboard-note').textContent = `Rows that ${name} may see, as a member of ${groups.join(' and ')}`
}

function onSession (read) {
  if (read.authenticated) {
    if (read.user?.id !== session.user?.id) window.location.reload()
    session = read
    find('account').hidden = false
    find('notice').hidden = true
  } else if (!find('signed-in').hidden) {
    find('account').hidden = true
    showNotice('Your session has ended.', { label: 'Sign in again', href: signInUrl(read) })
  }
}

async function leave () {
  find('sign-out').disabled = true
  try {
    await signOut(session)
    const { removeDashboard } = await import('./dashboard.js')
    removeDashboard()
    showSignedOut({ justNow: true })
    find('content').focus()
  } catch (error) {
    find('sign-out').disabled = false
    showNotice(error.message)
  }
}

function showNotice (text, link) {
  const notice = find('notice')
  notice.textContent = `${text} `
  if (link !== undefined) notice.append(Object.assign(document.createElement('a'), { href: link.href, textContent: link.label }))
  notice.hidden = false
}
