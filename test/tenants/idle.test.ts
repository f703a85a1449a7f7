import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { entryFor, startSeveral } from '../helpers/several-tenants.js'

t.test('of twenty tenants only the one that is used is connected to, whatever stands ready for it', async t => {
  const connections = Array.from({ length: 20 }, () => 0)
  const servers = connections.map((_, at) => createServer(socket => {
    connections[at] = (connections[at] as number) + 1
    socket.destroy()
  }))
  t.teardown(() => { for (const server of servers) server.close() })
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening')
  // Connections stand ready for tenants of https alone.
  const gateway = await startSeveral(t, () => servers.map((server, at) => (
    entryFor(`t${at}`, `https://t${at}.example.com`, { origin: `https://localhost:${(server.address() as AddressInfo).port}` })
  )), { top: { warmConnections: 100 } })
  t.match(await gateway.get('https://t7.example.com/healthz'), { status: 200 })
  t.same(connections.filter(count => count > 0), [], 'the gateway\'s own routes need none')
  t.match(await gateway.get('https://t7.example.com/assets/x'), { status: 502 })
  t.same(connections.flatMap((count, at) => count > 0 ? [at] : []), [7])
})
