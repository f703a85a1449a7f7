import t from 'tap'
import { parseUrl } from '../src/url.js'

t.test('a host name with an umlaut is read however many were read before', async t => {
  // V8 optimizes what is called so often.
  const hosts = Array.from({ length: 20_000 }, () => parseUrl('https://bücher.example')?.host)
  t.same([...new Set(hosts)], ['xn--bcher-kva.example'])
})
