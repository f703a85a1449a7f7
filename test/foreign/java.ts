// The HttpClient of the JDK with the cookie of a login. Unless told otherwise it asks for HTTP/2 with each request, by Upgrade: h2c.
import t from 'tap'
import { checkProgram, findMissing } from './programs.js'
import { eachWay } from './ways.js'

const missing = findMissing('java')

for (const version of ['HTTP_2', 'HTTP_1_1']) {
  await t.test(`Java, as ${version}, reads, writes and is answered as by the tenant itself`, { skip: missing ?? false }, async t => {
    await eachWay(t, async (t, way) => {
      await checkProgram(t, way, ['java', 'test/foreign/java/Client.java', version], ['get', 'put', 'chunked', 'range', 'socket'])
    })
  })
}
