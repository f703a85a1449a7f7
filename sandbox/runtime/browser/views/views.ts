import { EmbedError } from '../embed-error.js'
import type { EmbedProps } from '../props.js'
import { drawChart } from './chart.js'
import type { Draw } from './draw.js'
import { drawField } from './field.js'
import { drawSelections } from './selections.js'
import { drawSheet } from './sheet.js'

/** How to show an element: a drawing from an app, or a text for something that the sandbox does not have. */
export type View =
  | { kind: 'drawing', appId: string, draw: Draw, height: number }
  | { kind: 'placeholder', title: string, detail: string }

const drawings = new Map<string, { draw: Draw, height: number }>([
  ['analytics/chart', { draw: drawChart, height: 320 }],
  ['analytics/sheet', { draw: drawSheet, height: 640 }],
  ['analytics/field', { draw: drawField, height: 320 }],
  ['analytics/selections', { draw: drawSelections, height: 50 }]
])

const known = [...drawings.keys()].join(', ')

/** Chooses the view by the attribute ui. Throws an EmbedError for an unknown value and for a missing app-id. */
export function findView ({ ui, appId }: EmbedProps): View {
  if (ui === undefined || ui === '') {
    throw new EmbedError('This element does not say what to draw.', `Add the attribute ui with one of: ${known}.`)
  }
  if (ui.startsWith('classic/')) {
    return {
      kind: 'placeholder',
      title: `${ui} is not in the sandbox.`,
      detail: "It is Qlik's own client in a frame, which only a real tenant has. " +
        'There this element works as it is; in the sandbox, use analytics/chart or analytics/sheet.'
    }
  }
  const drawing = drawings.get(ui)
  if (drawing === undefined) throw new EmbedError(`The sandbox cannot draw ui="${ui}".`, `It draws ${known}.`)
  if (appId === undefined || appId === '') {
    throw new EmbedError(
      `${ui} needs to know the app.`,
      'Add the attribute app-id with the id of an app, as in the address of the app in Qlik Cloud.'
    )
  }
  return { kind: 'drawing', appId, ...drawing }
}
