import type { HostConfig } from '@qlik/api/auth'

/** What `<qlik-embed>` hands over: its attributes in camel case, and what it resolved from its surroundings. */
export interface EmbedProps {
  ui?: string
  appId?: string
  objectId?: string
  fieldId?: string
  libraryId?: string
  type?: string
  dimensions?: unknown[]
  measures?: unknown[]
  properties?: Record<string, unknown>
  identity?: string
  language?: string
  hostConfig?: HostConfig
  /** Gives the page its handle: `element.getRefApi()` resolves with what is passed here. */
  exposeRefApi?: (api: RefApi) => void
}

/** What a page can reach of an embedded view. */
export interface RefApi { getDoc (): Promise<unknown>, getObject? (): Promise<unknown> }

const drawn = [
  'ui', 'appId', 'objectId', 'fieldId', 'libraryId', 'type', 'dimensions', 'measures', 'properties', 'identity',
  'language', 'hostConfig'
] as const

/** A text that differs exactly when two sets of props need different drawings; `class` or `style` of the element change nothing. */
export function serializeProps (props: EmbedProps): string {
  return JSON.stringify(drawn.map(name => props[name] ?? null))
}
