// Express with iron-session and http-proxy-middleware, kept-alive connections included.
import express from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { getIronSession } from 'iron-session'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'

const { PORT, UPSTREAM, ACCESS_TOKEN: accessToken, REFRESH_TOKEN: refreshToken } = process.env
const sessionOptions = { password: 'a-password-of-32-characters-or-more', cookieName: 'session', cookieOptions: { secure: false } }

const Agent = UPSTREAM.startsWith('https:') ? HttpsAgent : HttpAgent

const app = express()
app.get('/login', async (request, response) => {
  const session = await getIronSession(request, response, sessionOptions)
  Object.assign(session, { accessToken, refreshToken, expiresAt: Date.now() + 3_600_000 })
  await session.save()
  response.send('ok')
})
app.use('/api', async (request, response, next) => {
  const session = await getIronSession(request, response, sessionOptions)
  if (session.accessToken === undefined) return response.sendStatus(401)
  request.accessToken = session.accessToken
  next()
}, createProxyMiddleware({
  target: `${UPSTREAM}/api`,
  agent: new Agent({ keepAlive: true, maxSockets: 256 }),
  on: {
    proxyReq (proxied, request) {
      proxied.removeHeader('cookie')
      proxied.setHeader('authorization', `Bearer ${request.accessToken}`)
    }
  }
}))
app.listen(Number(PORT), '127.0.0.1')
