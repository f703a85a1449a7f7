import type { FastifyPluginAsync } from 'fastify'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { packageFile } from '../package-file.js'

/** GET /gateway/embed.js: the auth module that a page of an embed origin loads before qlik-embed. */
export const embedScriptRoute: FastifyPluginAsync = async app => {
  const script = await readFile(packageFile('browser/embed.js'))
  const etag = `"${createHash('sha256').update(script).digest('base64url').slice(0, 22)}"`

  app.get('/gateway/embed.js', async (request, reply) => {
    // Revalidated at each load, because it must match the version of the gateway.
    reply.headers({
      etag, 'cache-control': 'no-cache', 'cross-origin-resource-policy': 'cross-origin', 'x-content-type-options': 'nosniff'
    })
    if (request.headers['if-none-match'] === etag) return reply.code(304).send()
    return reply.type('text/javascript; charset=utf-8').send(script)
  })
}
