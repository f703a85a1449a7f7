import { findApp, listApps, listSheets } from './app-contents.js'
import { readDashboard } from './dashboard-settings.js'
import { create, find } from './element.js'
import { hostConfig } from './gateway.js'
import { describeProblem } from './problem.js'
import '../vendor/embed-web-components.js'

/** Puts the dashboard into the page; what cannot be shown is told in its place. */
export async function showDashboard () {
  try {
    const dashboard = await showPlaces()
    const app = await findApp(dashboard.app)
    if (app === undefined) {
      await offerApps(dashboard.app)
      return
    }
    find('dashboard-title').textContent = app.name ?? dashboard.title ?? 'Dashboard'
    const cards = dashboard.cards.length > 0 ? dashboard.cards : await chooseSheet(dashboard.app)
    showCard(find('selections'), dashboard.app, { ui: 'analytics/selections' })
    for (const [index, card] of cards.entries()) showCard(find('cards').children[index], dashboard.app, card)
  } catch (error) {
    removeDashboard()
    find('cards').replaceChildren(describeProblem(error, showDashboard))
  }
}

/** Puts empty cards where the charts will be, so that nothing moves when they come. */
export async function showPlaces () {
  const dashboard = await readDashboard()
  const cards = dashboard.cards.length > 0 ? dashboard.cards : [{ label: 'Sheet', size: 'sheet' }]
  removeDashboard()
  find('cards').replaceChildren(...cards.map(createCard))
  return dashboard
}

/** Takes every chart away: their sockets close with them. */
export function removeDashboard () {
  find('cards').replaceChildren()
  find('selections').replaceChildren()
}

function createCard ({ size, label }) {
  return create('section', { class: `card ${size}`, 'aria-label': label })
}

function showCard (element, appId, { ui, object, field }) {
  element.replaceChildren(create('qlik-embed', {
    ui,
    'app-id': appId,
    'object-id': object,
    'field-id': field,
    host: hostConfig.host,
    'auth-type': hostConfig.authType
  }))
}

/** For an address that names an app alone: its first sheet, with links to the others. */
async function chooseSheet (appId) {
  const sheets = await listSheets(appId)
  if (sheets.length === 0) throw new Error('The app has no sheet that you may see. Name charts of it below.')
  const links = sheets.map(({ id, title }) => create('a', { href: `?${new URLSearchParams({ app: appId, sheet: id })}` }, title))
  if (links.length > 1) find('dashboard-note').replaceChildren(...links.flatMap((link, index) => index === 0 ? [link] : [' · ', link]))
  const [{ id, title }] = sheets
  return [{ ui: 'analytics/sheet', object: id, label: title, size: 'sheet' }]
}

/** For an app that the user does not see; on a real tenant that is at first the one of dashboard.json. */
async function offerApps (missingId) {
  const apps = await listApps()
  find('dashboard-title').textContent = 'Choose an app'
  const links = apps.map(({ id, name }) => create('li', {}, create('a', { href: `?${new URLSearchParams({ app: id })}` }, name)))
  const advice = apps.length > 0 ? 'Show one of these:' : 'You see no other app either: ask for access to one, then name it below.'
  find('cards').replaceChildren(create('section', { class: 'card choice', 'aria-label': 'Apps of this tenant' },
    create('p', {}, `You see no app ${missingId} on this tenant. ${advice}`),
    create('ul', {}, ...links)))
}

// The loader of qlik-embed only logs it when the tenant's runtime cannot be loaded.
document.addEventListener('error', ({ target }) => {
  if (!(target instanceof window.HTMLScriptElement) || !target.src.endsWith('/qlik-embed/main.js')) return
  removeDashboard()
  find('cards').replaceChildren(describeProblem({ status: 502 }, () => window.location.reload()))
}, true)
