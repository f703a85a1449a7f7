import type { EmbedError } from './embed-error.js'

// The title has the height of the selection toolbar: if the toolbar changed the height of the chart, the chart would
// forget which bars are selected.
const styles = `
.qlik-sandbox-frame .njs-cell-title { min-height: 32px; line-height: 32px; }
.qlik-sandbox-frame {
  box-sizing: border-box; position: relative; width: 100%; height: 100%; color: #303b43;
  font: 14px/1.45 "Source Sans Pro", "Segoe UI", system-ui, -apple-system, Roboto, Arial, sans-serif;
}
.qlik-sandbox-frame *, .qlik-sandbox-frame *::before, .qlik-sandbox-frame *::after { box-sizing: border-box; }
.qlik-sandbox-frame .sn-kpi-secondary-wrapper { padding-left: 14px; }
.qlik-sandbox-content { width: 100%; height: 100%; }
.qlik-sandbox-message {
  display: flex; flex-direction: column; gap: 4px; align-items: center; justify-content: center; width: 100%;
  height: 100%; min-height: 48px; padding: 12px 16px; overflow: auto; text-align: center; border: 1px solid #e3e7ea;
  border-radius: 6px; background: #fafbfc;
}
.qlik-sandbox-message[data-kind="error"] { border-color: #e6b8c0; background: #fdf5f6; }
.qlik-sandbox-message strong { font-weight: 600; }
.qlik-sandbox-message span { max-width: 44em; color: #5c6972; overflow-wrap: anywhere; }
.qlik-sandbox-notice {
  position: absolute; inset: auto 8px 8px 8px; z-index: 10; display: flex; flex-wrap: wrap; gap: 8px;
  align-items: center; justify-content: space-between; padding: 6px 10px; font-size: 13px; color: #303b43;
  border: 1px solid #e5cf9b; border-radius: 6px; background: #fff9e8; box-shadow: 0 2px 8px rgb(0 0 0 / 12%);
}
.qlik-sandbox-notice button {
  padding: 3px 10px; font: inherit; color: #fff; border: 0; border-radius: 4px; background: #2f6fb3; cursor: pointer;
}
.qlik-sandbox-sheet { display: grid; gap: 8px; width: 100%; height: 100%; }
.qlik-sandbox-values { position: absolute; inset: 0; overflow: hidden; border-radius: 4px; opacity: 0; pointer-events: none; }
.qlik-sandbox-values:focus { opacity: 1; outline: 3px solid #2f6fb3; outline-offset: -3px; }
.qlik-sandbox-values::after { content: attr(data-hint); position: absolute; right: 12px; bottom: 8px; font-size: 12px; color: #303b43; }
.qlik-sandbox-values [role="option"] {
  position: absolute; inset: auto 3px 3px 3px; padding: 5px 9px; font-weight: 600; background: #eaf2fa;
}
.qlik-sandbox-values [role="option"]:not(.current) { clip-path: inset(50%); }
.qlik-sandbox-cell { min-width: 0; min-height: 0; padding: 8px; border: 1px solid #e3e7ea; border-radius: 6px; background: #fff; }
`

/** The part of a `<qlik-embed>` element that belongs to the runtime. */
export interface Frame {
  /** The element for a view, empty until `showContent` is called. */
  content: HTMLElement
  /** Sets a height in pixels if the page does not set one. To be called while the frame is empty. */
  setLeastHeight (height: number): void
  showContent (): void
  showMessage (kind: 'waiting' | 'placeholder', title: string, detail?: string): void
  showError (error: EmbedError): void
  /** Shows a notice over the content, or hides it if undefined. The content stays visible. */
  showNotice (text: string | undefined, action?: { label: string, run: () => void }): void
  remove (): void
}

/** Adds an empty frame to `target`, with the height of its parent. */
export function createFrame (target: HTMLElement): Frame {
  addStyles(target.ownerDocument)
  const root = createElement('div', 'qlik-sandbox-frame')
  const content = createElement('div', 'qlik-sandbox-content')
  let message: HTMLElement | undefined
  let notice: HTMLElement | undefined
  target.append(root)

  return { content, setLeastHeight, showContent, showMessage, showError, showNotice, remove: () => root.remove() }

  function setLeastHeight (height: number) {
    // In a hidden tab all heights are 0, which has no meaning.
    if (root.offsetParent !== null && root.offsetHeight === 0) root.style.height = `${height}px`
  }

  function showContent () {
    message?.remove()
    root.prepend(content)
  }

  function showMessage (kind: string, title: string, detail = '') {
    message?.remove()
    content.remove()
    message = createElement('div', 'qlik-sandbox-message')
    message.dataset['kind'] = kind
    message.setAttribute('role', kind === 'error' ? 'alert' : 'status')
    message.append(createElement('strong', '', title))
    if (detail !== '') message.append(createElement('span', '', detail))
    root.prepend(message)
  }

  function showError (error: EmbedError) {
    showNotice(undefined)
    showMessage('error', error.message, error.remedy)
  }

  function showNotice (text: string | undefined, action?: { label: string, run: () => void }) {
    notice?.remove()
    notice = undefined
    if (text === undefined) return
    notice = createElement('div', 'qlik-sandbox-notice')
    notice.setAttribute('role', 'status')
    notice.append(createElement('span', '', text))
    if (action !== undefined) {
      const button = createElement('button', '', action.label)
      button.setAttribute('type', 'button')
      button.addEventListener('click', action.run)
      notice.append(button)
    }
    root.append(notice)
  }
}

function createElement (name: string, className: string, text = ''): HTMLElement {
  const element = document.createElement(name)
  if (className !== '') element.className = className
  element.textContent = text
  return element
}

function addStyles (owner: Document): void {
  const id = 'qlik-sandbox-styles'
  if (owner.getElementById(id) !== null) return
  const style = owner.createElement('style')
  style.id = id
  style.textContent = styles
  owner.head.append(style)
}
