// The portal's pages for a server of Node's own, as startSite takes them.
import { text } from 'node:stream/consumers'
import { renderSignIn, signIn, signOut, state, userOf } from './portal.js'

const page = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }

/** Answers what is the portal's own; false for what is not. `audience`: the gateway that statements are for. */
export function createRoutes (audience) {
  return async (request, response) => {
    const { pathname } = new URL(request.url, 'https://portal')
    const user = userOf(request.headers.cookie)
    switch (`${request.method} ${pathname}`) {
      case 'GET /sign-in':
        response.writeHead(200, page).end(renderSignIn())
        return true
      case 'POST /sign-in': {
        const form = new URLSearchParams(await text(request))
        const cookie = signIn(form.get('name') ?? '', form.get('password') ?? '')
        if (cookie === undefined) response.writeHead(403, page).end(renderSignIn('That is not right.'))
        else response.writeHead(303, { location: '/', 'set-cookie': cookie }).end()
        return true
      }
      case 'POST /sign-out':
        // The cookie is SameSite=Lax: no other site can send it along.
        response.writeHead(303, { location: '/sign-in', 'set-cookie': signOut(request.headers.cookie) }).end()
        return true
      case 'GET /qlik-statement':
        if (user === undefined) response.writeHead(401).end()
        else response.writeHead(200, { 'content-type': 'application/jwt', 'cache-control': 'no-store' }).end(await state(user, audience))
        return true
      case 'GET /':
        if (user !== undefined) return false
        response.writeHead(303, { location: '/sign-in' }).end()
        return true
      default:
        return false
    }
  }
}
