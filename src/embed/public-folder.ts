import fastifyStatic from '@fastify/static'
import type { FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { GatewayError } from '../errors.js'
import { refuseMethod, type ForwardedPrefixes } from '../forward/http.js'

export interface PublicFolderOptions {
  root: string
  /** The forwarded prefixes. Other methods below them are refused with GW-METHOD instead of GW-NOT-FOUND. */
  forwarded: ForwardedPrefixes
}

/** Serves a folder at the gateway's root, and answers requests that match no other route. */
export const publicFolder = fp<PublicFolderOptions>(async (app, { root, forwarded }) => {
  if (app.prefix !== '') {
    // Without a trailing slash browsers would resolve the page's relative addresses against the parent path.
    app.get('', { prefixTrailingSlash: 'no-slash' }, async (request, reply) => (
      reply.redirect(request.tenant.home + request.target.query, 308)
    ))
  }
  await app.register(fastifyStatic, { root, dotfiles: 'ignore', preCompressed: true, setHeaders })
  app.setNotFoundHandler(async (request, reply) => {
    refuseMethod(request, reply, forwarded)
    throw new GatewayError('GW-NOT-FOUND')
  })
}, { name: 'public-folder', fastify: '5.x', dependencies: ['admission'] })

const hashed = /\.[0-9a-f]{16}\.js(?:\.br|\.gz)?$/

function setHeaders (reply: FastifyReply, path: string): void {
  // The content of a file with a hash in its name never changes. All others are revalidated by their ETag.
  reply.headers({ ...headers, 'cache-control': hashed.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache' })
}

const headers = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  // Qlik's runtime may load scripts from other hosts. Inline scripts never run.
  'content-security-policy': "script-src 'self' https:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
}
