import type { App } from '../app.js'
import { EmbedError, explainError } from '../embed-error.js'
import { createFrame, type Frame } from '../frame.js'
import { getObject } from '../object.js'
import type { EmbedProps } from '../props.js'
import { drawObject } from './chart.js'
import type { Drawn } from './draw.js'

interface Cell { name: string, col: number, row: number, colspan: number, rowspan: number }

/**
 * Draws the sheet `object-id` as a grid with the sheet's own columns and rows, one object in each cell.
 * An object that cannot be drawn shows its error in its cell; the others are drawn all the same.
 */
export async function drawSheet (frame: Frame, app: App, { objectId }: EmbedProps): Promise<Drawn> {
  if (!objectId) throw new EmbedError('analytics/sheet needs to know the sheet.', 'Add the attribute object-id with the id of a sheet.')
  const layout = (await (await getObject(app.doc, objectId)).getLayout()) as {
    cells?: Cell[]
    columns?: number
    rows?: number
    qMeta?: { title?: string }
  }
  if (layout.cells === undefined) throw new EmbedError(`The object «${objectId}» is not a sheet.`, 'Use analytics/chart for a chart.')

  const grid = document.createElement('section')
  grid.className = 'qlik-sandbox-sheet'
  grid.setAttribute('aria-label', layout.qMeta?.title ?? 'Sheet')
  grid.style.gridTemplate = `repeat(${layout.rows ?? 12}, minmax(0, 1fr)) / repeat(${layout.columns ?? 24}, minmax(0, 1fr))`
  frame.showContent()
  frame.content.replaceChildren(grid)
  const drawn = await Promise.all(layout.cells.map(async cell => await drawCell(grid, app, cell)))
  return {
    destroy () {
      for (const cell of drawn) cell.destroy()
      grid.remove()
    }
  }
}

async function drawCell (grid: HTMLElement, app: App, { name, col, row, colspan, rowspan }: Cell): Promise<Drawn> {
  const element = document.createElement('div')
  element.className = 'qlik-sandbox-cell'
  element.style.gridArea = `${row + 1} / ${col + 1} / span ${rowspan} / span ${colspan}`
  grid.append(element)
  const frame = createFrame(element)
  try {
    frame.showContent()
    return await drawObject(frame.content, app, name)
  } catch (error) {
    frame.showError(explainError(error))
    return { destroy: () => frame.remove() }
  }
}
