import { openApp, type App } from './app.js'
import { watchConnection } from './connection.js'
import { explainError } from './embed-error.js'
import { createFrame, type Frame } from './frame.js'
import { serializeProps, type EmbedProps } from './props.js'
import type { Drawn } from './views/draw.js'
import { findView, type View } from './views/views.js'

/** The handle of a mounted view that `<qlik-embed>` keeps. */
export interface MountedEmbed { $set (props: EmbedProps): void, $destroy (): void }

/** Draws into `target` what `props` describe, and again when they change. Errors are shown in the element. */
export function mountVanillaEmbedComponent ({ target, props }: { target: HTMLElement, props: EmbedProps }): MountedEmbed {
  let current = props
  let drawn = serializeProps(props)
  let unmount: (() => void) | undefined = mountView(target, props)
  let waiting = false

  return {
    $set (changed) {
      current = changed
      // An observer and setAttribute both report each change, and pages change several attributes in a row.
      if (waiting) return
      waiting = true
      queueMicrotask(() => {
        waiting = false
        const wanted = serializeProps(current)
        if (unmount === undefined || wanted === drawn) return
        drawn = wanted
        unmount()
        unmount = mountView(target, current)
      })
    },
    $destroy () {
      unmount?.()
      unmount = undefined
    }
  }
}

/** Starts drawing. Returns a function that removes everything, even in the middle of drawing. */
function mountView (target: HTMLElement, props: EmbedProps): () => void {
  const frame = createFrame(target)
  const cleanups: (() => void)[] = []
  let unmounted = false
  draw().catch(fail)
  return () => {
    unmounted = true
    clean()
    frame.remove()
  }

  async function draw () {
    const view = findView(props)
    if (view.kind === 'placeholder') {
      frame.setLeastHeight(160)
      frame.showMessage('placeholder', view.title, view.detail)
      return
    }
    frame.setLeastHeight(view.height)
    frame.showMessage('waiting', 'Loading …')
    const app = await openApp(props, view.appId)
    cleanups.push(() => { app.session.close().catch(console.error) })
    if (unmounted) {
      clean()
      return
    }
    await keepDrawn(frame, app, props, view, cleanups, fail)
  }

  function fail (error: unknown) {
    if (unmounted) return
    clean()
    console.error(error)
    frame.showError(explainError(error))
  }

  function clean () {
    for (const cleanup of cleanups.splice(0).reverse()) cleanup()
  }
}

/**
 * Draws the view, and draws it again if a reconnection results in a new engine session, which lacks the objects of the
 * old one.
 */
async function keepDrawn (
  frame: Frame,
  app: App,
  props: EmbedProps,
  view: View & { kind: 'drawing' },
  cleanups: (() => void)[],
  fail: (error: unknown) => void
): Promise<void> {
  let drawn: Drawn | undefined
  let turn = 0
  cleanups.push(
    () => {
      turn = -1
      drawn?.destroy()
    },
    watchConnection(app, frame, () => { draw().catch(fail) })
  )
  await draw()
  props.exposeRefApi?.({
    getDoc: async () => app.doc,
    ...(props.objectId === undefined ? {} : { getObject: async () => await app.doc.getObject(props.objectId ?? '') })
  })

  async function draw () {
    const mine = ++turn
    drawn?.destroy()
    drawn = undefined
    const next = await view.draw(frame, app, props)
    if (mine === turn) drawn = next
    else next.destroy()
  }
}
