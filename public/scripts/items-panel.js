import { getItems, getSpaces } from '../vendor/qlik-api.js'
import { create, find } from './element.js'
import { hostConfig } from './gateway.js'
import { describeProblem } from './problem.js'

const limit = 5

/** Lists the tenant's content, a page at a time. */
export async function showItems () {
  await load(async () => await getItems({ limit, sort: '-updatedAt' }, { hostConfig }), 1)
}

async function load (read, first) {
  const box = find('items')
  box.setAttribute('aria-busy', 'true')
  try {
    const [page, spaces] = await Promise.all([read(), readSpaces()])
    box.replaceChildren(...describePage(page, spaces, first))
  } catch (error) {
    box.replaceChildren(describeProblem(error, () => { load(read, first) }))
  } finally {
    box.removeAttribute('aria-busy')
  }
}

/** Names of the spaces by id; @qlik/api answers the second call from its own memory. */
async function readSpaces () {
  const { data: { data = [] } } = await getSpaces({ limit: 100 }, { hostConfig })
  return new Map(data.map(({ id, name }) => [id, name]))
}

function describePage ({ data: { data }, next, prev }, spaces, first) {
  const linkTo = (app, name) => create('a', { href: `?${new URLSearchParams({ app })}` }, name)
  const rows = data.map(({ name, resourceType, resourceId, spaceId }) => create('tr', {},
    create('th', { scope: 'row' }, resourceType === 'app' ? linkTo(resourceId, name) : name),
    create('td', {}, resourceType),
    create('td', {}, spaces.get(spaceId) ?? (spaceId ? 'another space' : 'personal'))))
  const heads = ['Name', 'Type', 'Space'].map(text => create('th', { scope: 'col' }, text))
  const table = create('table', { 'aria-labelledby': 'items-title' },
    create('thead', {}, create('tr', {}, ...heads)),
    create('tbody', {}, ...rows))
  const position = data.length === 0 ? 'Nothing here' : `Items ${first} to ${first + data.length - 1}`
  return [
    table,
    create('div', { class: 'actions' },
      createTurn('Previous page', prev, Math.max(1, first - limit)),
      createTurn('Next page', next, first + data.length),
      create('span', { class: 'small', role: 'status' }, position))
  ]
}

function createTurn (label, read, first) {
  const button = create('button', { type: 'button', class: 'quiet button' }, label)
  button.disabled = read === undefined
  button.addEventListener('click', async () => {
    await load(async () => await read({ hostConfig }), first)
    // The button that was pressed is gone: the focus goes to its successor, or where there is none to its neighbour.
    const successors = [...find('items').querySelectorAll('button')]
    const same = successors.find(({ textContent, disabled }) => textContent === label && !disabled)
    const successor = same ?? successors.find(({ disabled }) => !disabled)
    successor?.focus()
  })
  return button
}
