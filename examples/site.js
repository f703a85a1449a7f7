// A web site that embeds: a page, Qlik's packages as they came from npm, and for the first example the reverse proxy that a site has.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, request as forward } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { dirname, join, normalize } from 'node:path'
import { createServer as createTlsFront } from 'node:tls'

const require = createRequire(import.meta.url)
/** Qlik's packages: where a site has them, and where they are here. */
export const packages = {
  '/embed-web-components.js': dirname(require.resolve('@qlik/embed-web-components')) + '/index.js',
  '/qlik-api/': dirname(require.resolve('@qlik/api'))
}

const gatewayPaths = ['/api', '/app', '/qlik-embed', '/resources', '/assets', '/single', '/sense', '/login', '/logout', '/gateway']

/**
 * Serves a site on loopback. `values` fill the `{{…}}` of the page; with `gateway` its paths go there: all below
 * `path`, or those of the list. `routes` answers first what it knows; `gateway.add` has headers that requests to the
 * gateway get, and nobody else may send.
 * @param {Parameters<typeof import('./site.js').startSite>[0]} options
 * @returns {Promise<{ port: number, close: () => Promise<void> }>}
 */
export async function startSite ({ page, values, tls, port = 0, gateway, headers = () => ({}), routes = async () => false }) {
  const paths = gateway?.path ? [gateway.path] : gatewayPaths
  const isGateways = url => gateway !== undefined && paths.some(path => url.startsWith(path) && /^(?:[/?]|$)/.test(url.slice(path.length)))

  /** Whatever a browser sent under these names is dropped. */
  async function mark (request) {
    for (const [name, value] of Object.entries(await gateway.add?.(request) ?? {})) {
      delete request.headers[name]
      if (value !== undefined) request.headers[name] = value
    }
  }

  async function answer (request, response) {
    if (isGateways(request.url)) {
      await mark(request)
      passOn(request, response, gateway.port())
      return
    }
    if (await routes(request, response)) return
    const path = normalize(new URL(request.url, 'http://site').pathname)
    const folder = '/qlik-api/'
    const inFolder = path.startsWith(folder) ? join(packages[folder], path.slice(folder.length)) : undefined
    const file = path === '/embed-web-components.js' ? packages[path] : inFolder
    if (file !== undefined) {
      response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(await readFile(file))
    } else if (path === '/favicon.ico') {
      response.writeHead(204).end()
    } else {
      const text = (await readFile(page, 'utf8')).replace(/\{\{(\w+)\}\}/g, (_match, name) => values(request)[name])
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...nameScripts(headers(), text) }).end(text)
    }
  }

  const listener = (request, response) => {
    answer(request, response).catch(error => { response.writeHead(error.code === 'ENOENT' ? 404 : 500).end(error.message) })
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  if (gateway !== undefined) {
    server.on('upgrade', (request, socket, head) => {
      mark(request).then(
        () => passUpgradeOn(request, socket, head, gateway.port()),
        () => socket.destroy()
      )
    })
  }
  return await listen(server, port)
}

/**
 * Puts TLS before a server on this machine, byte by byte.
 * @param {{ tls: { key: string, cert: string }, target: () => number, port?: number }} options
 * @returns {Promise<{ port: number, close: () => Promise<void> }>}
 */
export async function startTls ({ tls, target, port = 0 }) {
  return await listen(createTlsFront(tls, socket => { tie(socket, connect(target(), '127.0.0.1')) }), port)
}

/** Puts the hashes of the scripts that stand in a page in the place of {{scripts}} in its policy. */
function nameScripts (headers, text) {
  const hashes = [...text.matchAll(/<script(?![^>]* src=)[^>]*>([^]*?)<\/script>/g)].map(
    ([, script]) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`
  )
  const policy = headers['content-security-policy']
  return policy === undefined ? headers : { ...headers, 'content-security-policy': policy.replace('{{scripts}}', hashes.join(' ')) }
}

async function listen (server, port) {
  const sockets = new Set()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: server.address().port,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    }
  }
}

function passOn (request, response, port) {
  const upstream = forward({ host: '127.0.0.1', port, method: request.method, path: request.url, headers: request.headers }, answer => {
    response.writeHead(answer.statusCode, answer.rawHeaders)
    answer.pipe(response)
  })
  upstream.on('error', () => { response.writeHead(502).end() })
  response.on('close', () => upstream.destroy())
  request.pipe(upstream)
}

function passUpgradeOn (request, socket, head, port) {
  const upstream = connect(port, '127.0.0.1', () => {
    const lines = [`${request.method} ${request.url} HTTP/1.1`]
    for (const [name, value] of Object.entries(request.headers)) lines.push(`${name}: ${value}`)
    upstream.write(`${lines.join('\r\n')}\r\n\r\n`)
    upstream.write(head)
  })
  tie(socket, upstream)
}

function tie (one, other) {
  for (const [from, to] of [[one, other], [other, one]]) {
    from.pipe(to)
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }
}
