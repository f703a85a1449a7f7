import type { HostConfig } from '@qlik/api/auth'

/**
 * The properties from `<qlik-embed>`: its attributes in camel case, and values that it resolved from its surroundings.
 */
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
  /** Passes an API to the page: `element.getRefApi()` resolves with it. */
  exposeRefApi?: (api: RefApi) => void
}

/** The API of an embedded view for the page. */
export interface RefApi { getDoc (): Promise<unknown>, getObject? (): Promise<unknown> }

const drawn = [
  'ui', 'appId', 'objectId', 'fieldId', 'libraryId', 'type', 'dimensions', 'measures', 'properties', 'identity',
  'language', 'hostConfig'
] as const

/**
 * Returns a text that differs if and only if two sets of properties need different drawings. `class` and `style` have
 * no effect.
 */
export function serializeProps (props: EmbedProps): string {
  return JSON.stringify(drawn.map(name => props[name] ?? null))
}
