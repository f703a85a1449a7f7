import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { startGateway } from '../helpers/gateway.js'
import { serveHttp } from '../helpers/servers.js'

t.test('an answer without a length that the tenant resets never looks whole, not even if the reset arrives with its bytes', async t => {
  const { server } = await serveHttp(t, () => {})
  const breakOff = ({ url }: IncomingMessage, socket: Socket) => {
    socket.write('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\nhalf of it')
    if (url?.includes('whole') === true) socket.end()
    else socket.resetAndDestroy()
  }
  server.prependListener('request', (request: IncomingMessage) => { breakOff(request, request.socket) })
  server.on('upgrade', breakOff)
  const { origin, cookie } = await startGateway(t, { tenant: { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } })
  const handshake = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-fetch-site': 'same-origin',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA=='
  }
  const looksWhole = async (path: string) => {
    const headers = { cookie, ...path.startsWith('/app/') ? handshake : {} }
    const request = httpRequest(origin + path, { agent: false, headers }).end()
    const [answer] = await once(request, 'response') as [IncomingMessage]
    return await text(answer).then(() => answer.statusCode === 403, () => false)
  }
  for (const folder of ['/api', '/app']) {
    t.equal(await looksWhole(`${folder}/whole`), true)
    // How the two arrive is a matter of luck.
    const resets = await Promise.all(Array.from({ length: 50 }, async () => await looksWhole(`${folder}/half`)))
    t.same(resets.filter(Boolean), [], folder)
  }
})
