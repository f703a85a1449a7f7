import type { Page } from 'playwright-core'
import { click, waitFor, type Tab } from './drivers/driver.js'
import type { Bar } from './sales.js'

/** A bar as it stands on the screen, in pixels of the page. */
export interface DrawnBar { x: number, bottom: number, height: number }

const element = (id: string) => `qlik-embed[object-id="${id}"]`

/** Waits until these charts have been drawn. */
export async function waitForCharts (tab: Tab, ...ids: string[]): Promise<void> {
  // A browser draws a tab behind another one seldom.
  await tab.bringToFront()
  for (const id of ids) {
    await waitFor(
      tab,
      selector => document.querySelector(selector) !== null,
      `${element(id)} .njs-viz[data-render-count]:not([data-render-count="0"])`
    )
  }
}

/** Labels and values of the rows behind a chart, through the very object that the chart draws. */
export async function readRows (tab: Tab, id: string): Promise<Bar[]> {
  return await tab.evaluate(async selector => {
    type Cell = { qText: string, qNum: number }
    type Embed = {
      getRefApi: () => Promise<{
        getObject: () => Promise<{ getLayout: () => Promise<{ qHyperCube: { qDataPages: { qMatrix: Cell[][] }[] } }> }>
      }>
    }
    const object = await (await (document.querySelector(selector) as unknown as Embed).getRefApi()).getObject()
    const { qHyperCube } = await object.getLayout()
    return qHyperCube.qDataPages
      .flatMap(({ qMatrix }) => qMatrix)
      .map(([label, value]) => ({ label: label?.qText ?? '', value: value?.qNum ?? 0 }))
  }, element(id))
}

/** The bars of a bar chart, from left to right, after scrolling to them: runs of filled columns on its canvas. */
export async function readBars (tab: Tab, id: string): Promise<DrawnBar[]> {
  return await tab.evaluate(selector => {
    const canvas = document.querySelector<HTMLCanvasElement>(`${selector} canvas[data-key="bar"]`)
    const pixels = canvas?.getContext('2d', { willReadFrequently: true })?.getImageData(0, 0, canvas.width, canvas.height)
    if (canvas === null || pixels === undefined) return []
    // A click below may have moved it out of sight.
    canvas.scrollIntoView({ block: 'nearest' })
    const { left, bottom, width, height } = canvas.getBoundingClientRect()
    const filledIn = (x: number) => {
      let count = 0
      // Translucent pixels are the smoothed edges.
      for (let y = 0; y < pixels.height; y++) if ((pixels.data[(y * pixels.width + x) * 4 + 3] ?? 0) > 127) count++
      return count
    }
    const bars: { from: number, to: number, height: number }[] = []
    for (let x = 0; x < pixels.width; x++) {
      const filled = filledIn(x)
      const last = bars.at(-1)
      if (filled === 0) continue
      if (last?.to === x - 1) {
        last.to = x
        last.height = Math.max(last.height, filled)
      } else {
        bars.push({ from: x, to: x, height: filled })
      }
    }
    return bars.map(bar => ({
      x: left + (bar.from + bar.to + 1) / 2 * width / pixels.width,
      bottom,
      height: bar.height * height / pixels.height
    }))
  }, element(id))
}

/** Whether bars are as high as these values want them, to the pixel and a half that edges and rounding take. */
export function areInProportion (bars: DrawnBar[], values: Bar[]): boolean {
  const [highest, first] = [bars[0], values[0]]
  if (highest === undefined || first === undefined || bars.length !== values.length) return false
  return bars.every((bar, index) => Math.abs(bar.height - highest.height * (values[index]?.value ?? 0) / first.value) <= 1.5)
}

/** What is selected in the app of the page's first chart, as `field: values`. */
export async function readSelections (tab: Tab): Promise<string[]> {
  return await tab.evaluate(async () => {
    type Doc = {
      createSessionObject: (
        definition: object
      ) => Promise<{ getLayout: () => Promise<{ qSelectionObject: { qSelections: { qField: string, qSelected: string }[] } }> }>
    }
    const element = document.querySelector('qlik-embed') as unknown as { getRefApi: () => Promise<{ getDoc: () => Promise<Doc> }> }
    const doc = await (await element.getRefApi()).getDoc()
    const object = await doc.createSessionObject({ qInfo: { qType: 'selections' }, qSelectionObjectDef: {} })
    return (await object.getLayout()).qSelectionObject.qSelections.map(({ qField, qSelected }) => `${qField}: ${qSelected}`)
  }, undefined)
}

/** What appears beside the pointer over a bar: its label and its value as text. */
export async function readTooltip (page: Page, { x, bottom }: DrawnBar, label: string): Promise<string> {
  await page.mouse.move(x, bottom - 4)
  const tooltip = page.locator('.pic-tooltip').filter({ hasText: label })
  await tooltip.waitFor()
  return await tooltip.innerText()
}

/** Selects what a bar stands for, and confirms. */
export async function selectBar (tab: Tab, { x, bottom }: DrawnBar): Promise<void> {
  await tab.mouse.click(x, bottom - 4)
  await click(tab, confirm).catch(async (cause: unknown) => {
    const selections = await readSelections(tab)
    const there = await tab.evaluate(([x = 0, y = 0]) => document.elementFromPoint(x, y)?.outerHTML.slice(0, 200), [x, bottom - 4])
    throw new Error(`A click on a bar (${x}, ${bottom - 4}) brought no toolbar; selected: ${selections.join()}; there: ${there}`, { cause })
  })
  await waitFor(tab, confirm => document.querySelector(confirm) === null, confirm)
}

const confirm = '[title="Confirm selection"]'

/** The first rows of a table as they stand in its cells. */
export async function readCells (page: Page, id: string, rows: number, columns: number): Promise<string[][]> {
  const cell = (row: number, column: number) =>
    page.locator(`${element(id)} .sn-table-cell[rowindex="${row}"][columnindex="${column}"]`).innerText()
  return await Promise.all(
    Array.from(
      { length: rows },
      async (_row, row) => await Promise.all(Array.from({ length: columns }, async (_column, column) => await cell(row, column)))
    )
  )
}
