import type { App } from '../app.js'
import type { Frame } from '../frame.js'
import type { EmbedProps } from '../props.js'

/** Something drawn in a frame, until it is destroyed. */
export interface Drawn { destroy: () => void }

/** Draws what `props` describe from an opened app. Throws an EmbedError. */
export type Draw = (frame: Frame, app: App, props: EmbedProps) => Promise<Drawn>
