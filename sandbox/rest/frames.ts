import type { FastifyPluginAsync } from 'fastify'
import type { Names } from '../front/names.js'
import { escapeHtml } from '../oauth/page.js'
import type { FindCaller } from './bearer.js'
import type { AppSummary } from './resources.js'

/** The parts of which framed documents are made. */
export interface FramesOptions { names: Names, apps: readonly AppSummary[], findCaller: FindCaller }

/**
 * /single and /sense: documents for frames, with the access checks of a tenant. Their content says that they only stand
 * in for the real ones.
 */
export const frames: FastifyPluginAsync<FramesOptions> = async (app, { names, apps, findCaller }) => {
  app.decorateRequest('caller')
  app.addHook('onRequest', async request => { request.caller = await findCaller(request.raw) })

  for (const path of ['/single', '/single/*', '/sense/*']) {
    app.get(path, async (request, reply) => {
      const url = new URL(request.url, names.origin)
      const appId = url.searchParams.get('appid') ?? /\/app\/([^/]+)/.exec(url.pathname)?.[1]
      const name = apps.find(({ id }) => id === appId)?.name ?? 'an app'
      return await reply.headers({
        'content-security-policy': `default-src 'self' 'unsafe-inline'; frame-ancestors 'self' ${names.origin}`,
        'x-frame-options': 'SAMEORIGIN',
        'cache-control': 'no-store'
      }).type('text/html').send(renderFrame(name, request.caller.name, url))
    })
  }
}

function renderFrame (app: string, user: string, { pathname, search }: URL): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escapeHtml(app)} · sandbox tenant</title>
<link rel="stylesheet" href="/assets/sandbox.css">
<style>
body {
  margin: 0; min-height: 100vh; display: grid; place-content: center; text-align: center; background: #f4f6f9;
  color: #1d2129 } p { margin: .25rem 1rem; color: #5a6272;
}
</style>
</head>
<body>
<h1>${escapeHtml(app)}</h1>
<p>A real tenant shows its classic client in this frame. The sandbox has none.</p>
<p>Signed in as ${escapeHtml(user)}</p>
<p><code>${escapeHtml(pathname + search)}</code></p>
</body>
</html>
`
}
