import { base } from './gateway.js'

/**
 * What to show: public/dashboard.json, or what the query of the page says instead (app, object, sheet, field; the last
 * three as often as wanted). `fromQuery` tells which of the two; an app alone comes without cards.
 */
export async function readDashboard (query = new URLSearchParams(window.location.search)) {
  const defaults = await (await fetch(new URL('dashboard.json', base))).json()
  const app = query.get('app')?.trim() || defaults.app
  const cards = [
    ...values(query, 'sheet').map(id => ({ ui: 'analytics/sheet', object: id, label: `Sheet ${id}`, size: 'sheet' })),
    ...values(query, 'object').map(id => ({ ui: 'analytics/chart', object: id, label: `Chart ${id}`, size: 'medium' })),
    ...values(query, 'field').map(name => ({ ui: 'analytics/field', field: name, label: `${name}: choose values`, size: 'list' }))
  ]
  if (app === defaults.app && cards.length === 0) return { ...defaults, fromQuery: false }
  return { app, cards, fromQuery: true }
}

/** All values of a parameter that are not empty, be it repeated or separated by commas. */
function values (query, name) {
  return query.getAll(name).flatMap(text => text.split(',')).map(text => text.trim()).filter(text => text !== '')
}
