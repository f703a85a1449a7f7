import { createHash } from 'node:crypto'

/** A page of the gateway's own, for people. Its text is fixed: nothing that a client or the tenant sent. */
export interface Page {
  title: string
  text: string
  /** What a reader can quote to whoever runs the gateway. */
  reference?: string
  /** A button that leads on. `query` replaces the query of `href`; `newWindow` opens a window. */
  action?: { label: string, href: string, query?: Record<string, string>, newWindow?: boolean }
  /** Values for the page's script, as attributes `data-…` of its main element. */
  data?: Record<string, string>
  /** A script of fixed text, whose hash the page's policy must name. */
  script?: string
}

const style = ':root{color-scheme:light dark;--ink:#17211c;--quiet:#55625b;--ground:#f3f6f4;--paper:#fff;--line:#dfe5e1;' +
  '--accent:#006f3c;--on-accent:#fff}' +
  '@media(prefers-color-scheme:dark){:root{--ink:#e4ebe7;--quiet:#a3b1aa;--ground:#121815;--paper:#1b231f;--line:#2f3a34;' +
  '--accent:#57c78c;--on-accent:#0d1511}}' +
  'body{font:16px/1.6 system-ui,sans-serif;margin:0;padding:10vh 1rem;color:var(--ink);background:var(--ground)}' +
  'main{max-width:34rem;margin:auto;padding:1.5rem 2rem 2rem;background:var(--paper);border:1px solid var(--line);' +
  'border-top:4px solid var(--accent);border-radius:.75rem}' +
  'h1{font-size:1.5rem;line-height:1.3}.reference{color:var(--quiet);font-size:.85rem;overflow-wrap:anywhere}' +
  'button{font:inherit;font-weight:600;margin-top:.5rem;padding:.5rem 1.1rem;border:0;border-radius:.5rem;' +
  'background:var(--accent);color:var(--on-accent);cursor:pointer}' +
  'button:focus-visible{outline:3px solid var(--accent);outline-offset:3px}'

const styleHash = createHash('sha256').update(style).digest('base64')

/** Headers that let such a page show its text and nothing else. */
export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store'
}

/** The same for a page whose button signs in. Browsers apply form-action to each redirect, and the identity provider may be anywhere. */
export const signInPageHeaders = {
  ...pageHeaders,
  'content-security-policy': pageHeaders['content-security-policy'].replace("form-action 'self'", 'form-action http: https:')
}

/** The same for a page that may be shown in a frame. */
export const framedPageHeaders = {
  ...signInPageHeaders,
  'content-security-policy': signInPageHeaders['content-security-policy'].replace("frame-ancestors 'none'", 'frame-ancestors *')
}

/** The page as HTML. */
export function renderPage ({ title, text, reference, action, data = {}, script }: Page): string {
  const attributes = Object.entries(data).map(([name, value]) => ` data-${name}="${escape(value)}"`)
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<title>${escape(title)}</title><style>${style}</style></head>`,
    `<body><main${attributes.join('')}><h1>${escape(title)}</h1><p>${escape(text)}</p>`,
    action === undefined ? '' : renderAction(action),
    reference === undefined ? '' : `<p class="reference">Reference: ${escape(reference)}</p>`,
    `</main>${script === undefined ? '' : `<script>${script}</script>`}</body></html>`
  ].join('')
}

/** Whether the `Accept` of a request is that of a browser which shows a page, rather than of a program. */
export function wantsPage (accept: string | undefined): boolean {
  return accept !== undefined && accept.includes('text/html')
}

// A form rather than a link, since browsers prefetch links.
function renderAction ({ label, href, query = {}, newWindow = false }: NonNullable<Page['action']>): string {
  const fields = Object.entries(query).map(([name, value]) => `<input type="hidden" name="${name}" value="${escape(value)}">`)
  return `<form action="${escape(href)}"${newWindow ? ' target="_blank"' : ''}>${fields.join('')}<button>${escape(label)}</button></form>`
}

function escape (text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}
