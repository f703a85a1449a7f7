/** A row of a chart: its label, its figures, and its element number. */
interface Row { text: string, element: number, selected: boolean }

interface Cell { qText?: string, qElemNumber?: number, qState?: string }

interface Layout { title?: string, qHyperCube?: { qDataPages: { qMatrix: Cell[][] }[] } }

/** The part of a chart's generic object that is needed here. */
export interface ChartObject {
  getLayout (): Promise<unknown>
  selectHyperCubeValues (path: string, dimension: number, values: number[], toggle: boolean): Promise<unknown>
  on (event: 'changed', listener: () => void): unknown
  removeListener (event: 'changed', listener: () => void): unknown
}

const hint = 'Arrow keys move, Enter selects'
let lists = 0

/**
 * Adds a list of the chart's values to `frame`. Charts are drawn on a canvas, which neither keyboards nor screen readers reach.
 * The list is visible only while it has the focus. Returns a function that removes it.
 */
export async function addValues (frame: HTMLElement, chart: ChartObject): Promise<() => void> {
  const list = document.createElement('div')
  list.id = `qlik-sandbox-values-${++lists}`
  list.className = 'qlik-sandbox-values'
  list.tabIndex = 0
  list.setAttribute('role', 'listbox')
  list.setAttribute('aria-multiselectable', 'true')
  list.setAttribute('aria-description', hint)
  list.dataset['hint'] = hint
  let rows: Row[] = []
  let at = 0

  const show = () => {
    list.replaceChildren(...rows.map(({ text, selected }, index) => {
      const option = document.createElement('div')
      option.id = `${list.id}-${index}`
      option.setAttribute('role', 'option')
      option.setAttribute('aria-selected', String(selected))
      option.classList.toggle('current', index === at)
      option.textContent = text
      return option
    }))
    list.setAttribute('aria-activedescendant', `${list.id}-${at}`)
  }
  const read = async () => {
    const { title, qHyperCube } = await chart.getLayout() as Layout
    // After a selection removes rows, the list stays at the row of the same element.
    const current = rows[at]?.element
    rows = (qHyperCube?.qDataPages ?? []).flatMap(({ qMatrix }) => qMatrix).flatMap(readRow)
    at = Math.max(0, rows.findIndex(({ element }) => element === current))
    list.setAttribute('aria-label', title === undefined || title === '' ? 'Values of the chart' : title)
    show()
  }
  const onChange = () => { read().catch(console.error) }
  list.addEventListener('keydown', event => {
    const next = move(event.key, at, rows.length)
    const chosen = rows[at]
    if (next !== undefined) {
      at = next
      show()
    } else if ((event.key === 'Enter' || event.key === ' ') && chosen !== undefined) {
      chart.selectHyperCubeValues('/qHyperCubeDef', 0, [chosen.element], true).catch(console.error)
    } else return
    // Otherwise the page would scroll, and the chart would confirm a selection that has not begun.
    event.preventDefault()
    event.stopPropagation()
  })
  await read()
  chart.on('changed', onChange)
  frame.append(list)
  return () => {
    chart.removeListener('changed', onChange)
    list.remove()
  }
}

function readRow ([dimension, ...figures]: Cell[]): Row[] {
  const { qText: label = '', qElemNumber: element = -1, qState } = dimension ?? {}
  // A negative element number stands for no value, but for a total or the rest beyond a limit.
  return element < 0 ? [] : [{ text: [label, ...figures.map(({ qText = '' }) => qText)].join(': '), element, selected: qState === 'S' }]
}

/** The row that a key leads to. Undefined for keys that do not move. */
function move (key: string, at: number, count: number): number | undefined {
  const last = Math.max(0, count - 1)
  switch (key) {
    case 'ArrowRight':
    case 'ArrowDown': return Math.min(last, at + 1)
    case 'ArrowLeft':
    case 'ArrowUp': return Math.max(0, at - 1)
    case 'Home': return 0
    case 'End': return last
    default: return undefined
  }
}
