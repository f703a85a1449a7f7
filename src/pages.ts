import { createHash } from 'node:crypto'

/** A page of the gateway's own, for people: fixed text only. */
export interface Page {
  title: string
  text: string
  /** What a reader can quote to whoever runs the gateway. */
  reference?: string
  /** A button that leads on. */
  action?: { label: string, href: string }
  /** Values for the page's script, as attributes `data-…` of its main element. */
  data?: Record<string, string>
  /** A script of fixed text, whose hash the page's policy must name. */
  script?: string
}

const style = 'body{font:16px/1.6 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.25rem;color:#1d2733;background:#fff}' +
  'h1{font-size:1.5rem;line-height:1.3}.reference{color:#566270;font-size:.85rem;overflow-wrap:anywhere}' +
  'button{font:inherit;margin-top:.5rem;padding:.5rem 1.1rem;border:0;border-radius:.4rem;background:#0b6b3a;color:#fff;cursor:pointer}' +
  'button:focus-visible{outline:3px solid #0b6b3a;outline-offset:3px}'

/** Headers that let such a page show text and nothing else. */
export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store'
}

/** The same for a page without any action, which may be shown in a frame. */
export const framedPageHeaders = {
  ...pageHeaders,
  'content-security-policy': pageHeaders['content-security-policy'].replace("frame-ancestors 'none'", 'frame-ancestors *')
}

/** The page as HTML. */
export function renderPage ({ title, text, reference, action, data = {}, script }: Page): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title>` +
    `<style>${style}</style></head><body><main${Object.entries(data).map(([name, value]) => ` data-${name}="${escape(value)}"`).join('')}><h1>${escape(title)}</h1><p>${escape(text)}</p>${action === undefined ? '' : renderAction(action)}` +
    `${reference === undefined ? '' : `<p class="reference">Reference: ${escape(reference)}</p>`}</main>${script === undefined ? '' : `<script>${script}</script>`}</body></html>`
}

/** Whether a request was made by a person's browser showing pages rather than by a program. */
export function wantsPage (accept: string | undefined): boolean {
  return accept !== undefined && accept.includes('text/html')
}

// A form rather than a link: browsers prefetch links.
function renderAction ({ label, href }: NonNullable<Page['action']>): string {
  return `<form action="${escape(href)}"><button>${escape(label)}</button></form>`
}

function escape (text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}
