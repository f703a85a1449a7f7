import type { App } from '../app.js'
import type { Frame } from '../frame.js'
import { getNebula } from '../nebula.js'
import type { Drawn } from './draw.js'

/** Draws the bar of the app's current selections. */
export async function drawSelections (frame: Frame, app: App): Promise<Drawn> {
  frame.showContent()
  const selections = await getNebula(app).selections()
  selections.mount(frame.content)
  return { destroy: () => selections.unmount() }
}
