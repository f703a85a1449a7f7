import { create, find } from './element.js'

/** Shows what scripts of this page can read, now and whenever asked. */
export function showBrowserFacts () {
  show()
  find('browser-check').addEventListener('click', show)
}

function show () {
  const facts = [
    ['Cookies visible to scripts', names(document.cookie.split(';').map(pair => pair.split('=', 1)[0].trim()))],
    ['Local storage', names(Object.keys(localStorage))],
    ['Session storage', names(Object.keys(sessionStorage))],
    ['Requests of this page', countRequests()]
  ]
  find('browser-facts').replaceChildren(...facts.map(([term, text]) => create('div', {}, create('dt', {}, term), create('dd', {}, text))))
}

function names (list) {
  return list.filter(name => name !== '').join(', ') || 'none'
}

function countRequests () {
  const addresses = performance.getEntriesByType('resource').map(({ name }) => new URL(name))
  const entries = addresses.filter(({ protocol }) => protocol.startsWith('http'))
  const foreign = entries.filter(({ origin }) => origin !== window.location.origin)
  if (foreign.length === 0) return `${entries.length}, all to ${window.location.host}`
  return `${entries.length}, of which ${foreign.length} went to ${[...new Set(foreign.map(({ host }) => host))].join(', ')}`
}
