import type { App } from '../app.js'
import type { Frame } from '../frame.js'
import type { EmbedProps } from '../props.js'

/** Something drawn in a frame, until it is destroyed. */
export interface Drawn { destroy: () => void }

/** Draws what `props` ask of an opened app; throws an EmbedError when it cannot. */
export type Draw = (frame: Frame, app: App, props: EmbedProps) => Promise<Drawn>
