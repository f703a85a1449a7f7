import { readDashboard } from './dashboard-settings.js'
import { find } from './element.js'
import { hostConfig } from './gateway.js'

/** Fills the form with what is shown, and the example with elements that would show it elsewhere. */
export async function showOwnTenant () {
  const { app, cards, fromQuery } = await readDashboard()
  const form = find('own-form')
  const ids = ui => cards.filter(card => card.ui === ui).map(({ object, field }) => object ?? field).join(', ')
  form.elements.app.value = app
  form.elements.object.value = ids('analytics/chart')
  form.elements.sheet.value = ids('analytics/sheet')
  form.elements.field.value = ids('analytics/field')
  find('own-reset').hidden = !fromQuery
  find('own-example').textContent = writeExample(app, cards.find(({ object }) => object !== undefined))

  form.addEventListener('submit', event => {
    event.preventDefault()
    const filled = [...new FormData(form)].map(([name, text]) => [name, text.trim()]).filter(([, text]) => text !== '')
    window.location.search = new URLSearchParams(filled).toString()
  })
}

function writeExample (app, card = { ui: 'analytics/sheet', object: '…' }) {
  return `<script type="module" src="${hostConfig.host}/vendor/embed-web-components.js"
  data-host="${hostConfig.host}"
  data-auth-type="none"></script>

<qlik-embed ui="${card.ui}"
  app-id="${app}"
  object-id="${card.object}"></qlik-embed>`
}
