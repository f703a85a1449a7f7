import t from 'tap'
import { createKeyPair } from '../../sandbox/key-pair.js'
import { ClientKey } from '../../src/credentials/client-key.js'

t.test('a key has the id of its JWK, or none', t => {
  const jwk = createKeyPair('P-384').privateKey.export({ format: 'jwk' })
  t.match(new ClientKey(JSON.stringify({ ...jwk, kid: 'one' })), { id: 'one', algorithm: 'ES384' })
  for (const kid of [undefined, 7]) t.match(new ClientKey(JSON.stringify({ ...jwk, kid })), { id: undefined, algorithm: 'ES384' })
  t.end()
})
