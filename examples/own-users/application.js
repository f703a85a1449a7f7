// The portal and the gateway in one process: a Fastify application that says by its own session who the user of a request is.
import { readFile } from 'node:fs/promises'
import fastify from 'fastify'
import { gateway } from '../../dist/gateway.js'
import { packages } from '../site.js'
import { describe, renderSignIn, signIn, signOut, userOf } from './portal.js'

/** Starts it with TLS; `options` are those of the gateway. */
export async function startApplication ({ tls, port, page, values, options }) {
  const app = fastify({ https: tls })
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, async (_request, body) =>
    Object.fromEntries(new URLSearchParams(body))
  )

  app.get('/', async ({ headers }, reply) => {
    const user = userOf(headers.cookie)
    if (user === undefined) return reply.redirect('/sign-in', 303)
    const text = await readFile(page, 'utf8')
    return reply.type('text/html; charset=utf-8').send(text.replace(/\{\{(\w+)\}\}/g, (_match, name) => values({ headers })[name]))
  })
  app.get('/sign-in', async (_request, reply) => reply.type('text/html; charset=utf-8').send(renderSignIn()))
  app.post('/sign-in', async ({ body }, reply) => {
    const cookie = signIn(body.name ?? '', body.password ?? '')
    if (cookie === undefined) return reply.code(403).type('text/html; charset=utf-8').send(renderSignIn('That is not right.'))
    return reply.header('set-cookie', cookie).redirect('/', 303)
  })
  app.post('/sign-out', async ({ headers }, reply) => reply.header('set-cookie', signOut(headers.cookie)).redirect('/sign-in', 303))
  for (const [path, file] of Object.entries(packages)) {
    app.get(path.endsWith('/') ? `${path}*` : path, async ({ params }, reply) =>
      reply.type('text/javascript').send(await readFile(path.endsWith('/') ? `${file}/${params['*']}` : file))
    )
  }

  await app.register(gateway, {
    ...options,
    credentials: 'impersonation',
    identify ({ headers }) {
      const user = userOf(headers.cookie)
      return user === undefined ? undefined : describe(user)
    },
    signInUrl: `${options.publicUrl}/sign-in`
  })
  await app.listen({ host: '127.0.0.1', port })
  return app
}
