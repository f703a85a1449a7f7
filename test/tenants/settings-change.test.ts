import t from 'tap'
import { createKeyPair } from '../../sandbox/key-pair.js'
import { ClientKey } from '../../src/credentials/client-key.js'
import { isSameOption } from '../../src/tenants/settings-change.js'

t.test('options are the same by their values; those whose value JSON does not show, only as one object', async t => {
  const { privateKey } = createKeyPair('P-384')
  const text = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const key = new ClientKey(text)
  const identify = () => undefined
  const cases: [what: string, one: unknown, other: unknown, isSame: boolean][] = [
    ['lists', ['a', 'b'], ['a', 'b'], true],
    ['lists that differ', ['a', 'b'], ['b', 'a'], false],
    ['an address and its text', new URL('https://a.example/'), 'https://a.example/', true],
    ['one function', identify, identify, true],
    ['two functions', identify, () => undefined, false],
    ['one key', key, key, true],
    ['two keys', key, new ClientKey(text), false],
    ['a key and its text', text, key, false]
  ]
  for (const [what, one, other, isSame] of cases) t.equal(isSameOption(one, other), isSame, what)
})
