import type { App } from '../app.js'
import { EmbedError } from '../embed-error.js'
import type { Frame } from '../frame.js'
import { chartTypes, getNebula, isChartType, isPicture, type Nebula } from '../nebula.js'
import { getObject } from '../object.js'
import type { EmbedProps } from '../props.js'
import { addValues, type ChartObject } from '../values.js'
import type { Drawn } from './draw.js'

/** Draws the app's chart `object-id`, or one that is created from `type`, `dimensions` and `measures`. */
export async function drawChart (frame: Frame, app: App, props: EmbedProps): Promise<Drawn> {
  frame.showContent()
  if (props.objectId !== undefined && props.objectId !== '') return await drawObject(frame.content, app, props.objectId)
  if (props.type === undefined || props.type === '') {
    throw new EmbedError(
      'analytics/chart needs to know the chart.',
      'Add the attribute object-id with the id of a chart, or type, dimensions and measures for a chart on the fly.'
    )
  }
  checkType(props.type)
  return await withValues(frame.content, props.type, await getNebula(app).render({
    element: frame.content,
    type: props.type,
    fields: [...props.dimensions ?? [], ...props.measures ?? []] as string[],
    properties: (props.properties ?? {}) as unknown as EngineAPI.IGenericObjectProperties
  }))
}

/**
 * Draws a saved object into `element`. Throws an EmbedError if it does not exist, or the sandbox lacks its chart type.
 */
export async function drawObject (element: HTMLElement, app: App, objectId: string): Promise<Drawn> {
  const layout = await (await getObject(app.doc, objectId)).getLayout() as { qInfo: { qType?: string }, visualization?: string }
  const type = layout.visualization ?? layout.qInfo.qType ?? ''
  checkType(type)
  return await withValues(element, type, await getNebula(app).render({ element, id: objectId }))
}

/** Tables and figures consist of text. Charts on a canvas get a list of their values in addition. */
async function withValues (element: HTMLElement, type: string, chart: Awaited<ReturnType<Nebula['render']>>): Promise<Drawn> {
  if (!isPicture(type)) return chart
  const removeValues = await addValues(element.parentElement ?? element, chart.model as unknown as ChartObject)
  return {
    destroy () {
      removeValues()
      chart.destroy()
    }
  }
}

function checkType (type: string): void {
  if (!isChartType(type)) {
    throw new EmbedError(
      `The sandbox cannot draw charts of type «${type}».`,
      `It draws ${chartTypes.join(', ')}. A real tenant draws them all.`
    )
  }
}
