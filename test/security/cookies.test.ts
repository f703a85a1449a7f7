import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { createCookieJar, type CookieJar, type ReceivedCookie } from '../../src/session/cookies.js'
import { createSeal, deriveKey, type Purpose } from '../../src/session/seal.js'

const plain = createCookieJar({ secure: false, crossSite: false })
const none: ReceivedCookie = { values: [], parts: 0, former: [], leftOvers: [] }
const holding = (parts: number, ...values: string[]): ReceivedCookie => ({ ...none, values, parts })
const largest = 4 * 3_900 - 2

const headerOf = (lines: string[]) => lines.map(line => line.split(';', 1)[0]).join('; ')
const nameOf = (line: string) => line.split('=', 1)[0]
const valueOf = (length: number) => randomBytes(length).toString('base64url').slice(0, length)

const modes: [title: string, jar: CookieJar, prefix: string, session: string, login: string][] = [
  ['http on this machine', plain, 'qlik-', 'HttpOnly; SameSite=Lax', 'HttpOnly; SameSite=Lax'],
  ['https', createCookieJar({ secure: true, crossSite: false }), '__Host-qlik-', 'HttpOnly; Secure; SameSite=Lax',
    'HttpOnly; Secure; SameSite=Lax'],
  ['https for pages of other sites', createCookieJar({ secure: true, crossSite: true }), '__Host-qlik-',
    'HttpOnly; Secure; Partitioned; SameSite=None', 'HttpOnly; Secure; SameSite=Lax'],
  ['a gateway with a name of its own', createCookieJar({ secure: true, crossSite: false, name: 'sales' }), '__Host-sales-',
    'HttpOnly; Secure; SameSite=Lax', 'HttpOnly; Secure; SameSite=Lax']
]

// CVE-2025-55162: a cookie that is deleted with other attributes than it was set with stays.
t.test('a cookie has the attributes of its mode, and is deleted with the same ones in every part', async t => {
  for (const [title, jar, prefix, session, login] of modes) {
    const mode = title.endsWith('other sites') ? '-x' : ''
    t.same(jar.write('session', 'abc', 60, none), [`${prefix}session${mode}=1.abc; Max-Age=60; Path=/; ${session}`], title)
    t.same(jar.write('login-0123456789ab', 'abc', 600, none), [`${prefix}login-0123456789ab=1.abc; Max-Age=600; Path=/; ${login}`], title)
    t.same(
      jar.clear('session'),
      ['', '.1', '.2', '.3'].map(part => `${prefix}session${mode}${part}=; Max-Age=0; Path=/; ${session}`),
      title
    )
    t.same(jar.clear('login-0123456789ab'), [`${prefix}login-0123456789ab=; Max-Age=0; Path=/; ${login}`], title)
    t.notMatch([...jar.write('session', valueOf(largest), 60, none), ...jar.clear('session')].join('\n'), /domain/i, title)
  }
})

t.test('a value that is written is read again at every length, in cookies that no browser drops', async t => {
  for (const [title, jar] of modes) {
    for (const length of [1, 3_897, 3_898, 3_899, 7_797, 7_798, 7_799, 11_697, 11_698, 11_699, largest - 1, largest]) {
      const value = valueOf(length)
      const lines = jar.write('session', value, 60, none)
      const parts = Math.ceil((length + 2) / 3_900)
      t.same({
        parts: lines.length,
        tooLong: lines.filter(line => line.split(';', 1)[0]?.length as number > 4_096),
        read: jar.read('session', headerOf(lines)),
        amongOthers: jar.read('session', `a=1; qlik-sessionx=2; ${headerOf(lines.toReversed())}; b`)
      }, { parts, tooLong: [], read: holding(parts, value), amongOthers: holding(parts, value) }, `${title}, ${length}`)
    }
    t.throws(() => jar.write('session', valueOf(largest + 1), 60, none), { code: 'GW-SESSION-TOO-LARGE' })
  }
})

t.test('a value that needs fewer parts deletes those that the browser still has', async t => {
  const received = plain.read('session', headerOf(plain.write('session', valueOf(largest), 60, none)))
  const lines = plain.write('session', valueOf(5_000), 60, received)
  t.same(lines.map(nameOf), ['qlik-session', 'qlik-session.1', 'qlik-session.2', 'qlik-session.3'])
  t.match(lines.slice(2), [/^qlik-session\.2=; Max-Age=0; /, /^qlik-session\.3=; Max-Age=0; /])
  t.equal(plain.write('session', 'x', 60, { ...none, parts: 99 }).length, 4, 'no more than there can be')
})

t.test('a part beyond the count is left over from a larger value and means nothing', async t => {
  t.same(plain.read('session', 'qlik-session=1.abc; qlik-session.1=old; qlik-session.3=older'), holding(3, 'abc'))
})

t.test('what is torn or not ours has no value', async t => {
  const cases: [title: string, header: string | undefined, parts: number][] = [
    ['no cookies', undefined, 0],
    ['an empty header', '', 0],
    ['others', 'a=b; c', 0],
    ['no count', 'qlik-session=abc', 1],
    ['an empty value', 'qlik-session=', 1],
    ['a count without a value', 'qlik-session=1.', 1],
    ['a count of zero', 'qlik-session=0.abc', 1],
    ['more parts than there can be', `qlik-session=5.a; ${[1, 2, 3, 4].map(part => `qlik-session.${part}=b`).join('; ')}`, 4],
    ['the first part is missing', 'qlik-session.1=b', 1],
    ['the second is missing', 'qlik-session=3.a; qlik-session.2=c', 2],
    ['the last is missing', 'qlik-session=3.a; qlik-session.1=b', 2],
    ['a name of another prefix', '__Host-qlik-session=1.abc; __Secure-qlik-session=1.abc', 0],
    ['a name in other letters', 'Qlik-Session=1.abc; xqlik-session=1.abc', 0],
    ['parts of other numbers', 'qlik-session.0=1.a; qlik-session.01=1.a; qlik-session.4=a; qlik-session.=a; qlik-session.1.1=a', 0],
    ['the other kind', 'qlik-login-0123456789ab=1.abc', 0]
  ]
  for (const [title, header, parts] of cases) t.same(plain.read('session', header), holding(parts), title)
  t.same(
    modes[1]?.[1].read('session', 'qlik-session=1.abc'),
    none,
    'over https a cookie without the prefix, which any host of the site can plant'
  )
  t.same(plain.read('login-0123456789ab', 'qlik-login-0123456789ab=1.abc; qlik-session=1.def'), holding(1, 'abc'))
})

t.test('a part that came twice makes several values, of which the seal tells what is ours', async t => {
  const cases: [title: string, header: string, values: string[], parts: number][] = [
    ['the first', 'qlik-session=1.a; qlik-session=1.b', ['a', 'b'], 1],
    ['the first, alike', 'qlik-session=1.a; qlik-session=1.a', ['a'], 1],
    ['another', 'qlik-session=2.a; qlik-session.1=b; qlik-session.1=c', ['ab', 'ac'], 2],
    ['a left-over', 'qlik-session=1.a; qlik-session.1=b; qlik-session.1=c', ['a'], 2],
    ['of different sizes', 'qlik-session=1.a; qlik-session=2.b; qlik-session.1=c', ['a', 'bc'], 2],
    ['more than two modes could leave', Array.from({ length: 17 }, (_, each) => `qlik-session=1.${each}`).join('; '), [], 1]
  ]
  for (const [title, header, values, parts] of cases) t.same(plain.read('session', header), holding(parts, ...values), title)
})

t.test('the session cookie of the other mode never stands for one of this, and goes with the next that is set', async t => {
  const sameSite = modes[1]?.[1] as CookieJar
  const crossSite = modes[2]?.[1] as CookieJar
  const gone = (name: string, attributes: string) => `__Host-qlik-${name}=; Max-Age=0; Path=/; ${attributes}`
  const [lax, partitioned] = [modes[1]?.[3], modes[2]?.[3]] as [string, string]
  const both = '__Host-qlik-session=2.old; __Host-qlik-session.1=er; __Host-qlik-session-x=1.new'
  const cases: [title: string, jar: CookieJar, header: string, expected: ReceivedCookie][] = [
    ['cross-site now', crossSite, both,
      {
        values: ['new'],
        parts: 1,
        former: ['older'],
        leftOvers: ['session', 'session.1'].flatMap(name => [gone(name, lax), gone(name, partitioned)])
      }],
    ['same-site now', sameSite, '__Host-qlik-session=1.new; __Host-qlik-session-x=1.old',
      { values: ['new'], parts: 1, former: ['old'], leftOvers: [gone('session-x', lax), gone('session-x', partitioned)] }],
    ['two under one name', sameSite, '__Host-qlik-session=1.new; __Host-qlik-session=1.old',
      { values: ['new', 'old'], parts: 1, former: [], leftOvers: [gone('session', partitioned)] }],
    ['two under the other', crossSite, '__Host-qlik-session-x=1.new; __Host-qlik-session-x=1.old',
      { values: ['new', 'old'], parts: 1, former: [], leftOvers: [gone('session-x', lax)] }]
  ]
  for (const [title, jar, header, expected] of cases) {
    const received = jar.read('session', header)
    t.same(received, expected, title)
    t.same(jar.write('session', 'next', 60, received).slice(0, -1), expected.leftOvers, title)
    t.same(jar.clear('session', received).slice(0, -4), expected.leftOvers, title)
  }
})

t.test('each sign-in has a cookie of its own, which no other gateway takes for its own', async t => {
  const header = [
    'qlik-login-0123456789ab=2.a', 'qlik-login-0123456789ab.1=b', 'qlik-login-ba9876543210=1.c',
    'qlik-login-session=1.d', 'qlik-login-done=1.e', 'qlik-sales-login-0123456789cd=1.f'
  ].join('; ')
  t.same(plain.loginTags(header), ['0123456789ab', 'ba9876543210'])
  t.same(plain.loginTags('qlik-session=1.a'), [])
  t.same(plain.loginTags(undefined), [])
  t.match(plain.clear('login-0123456789ab', plain.read('login-0123456789ab', header)), [
    /^qlik-login-0123456789ab=; /,
    /^qlik-login-0123456789ab\.1=; /
  ])
})

// CVE-2024-24814: thousands of parts kept a server busy.
t.test('more than 150 cookies are refused before any of them is put together', async t => {
  const others = (count: number) => Array.from({ length: count }, (_, each) => `c${each}=x`).join('; ')
  t.same(plain.read('session', `${others(149)}; qlik-session=1.abc`), holding(1, 'abc'))
  t.throws(() => plain.read('session', `${others(150)}; qlik-session=1.abc`), { code: 'GW-TOO-MANY-COOKIES', statusCode: 431 })
  t.throws(() => plain.read('session', `qlik-session=1.abc; ${';'.repeat(20_000)}`), { code: 'GW-TOO-MANY-COOKIES' })
})

t.test('no change of any part gives another value than the one that was sealed, and nothing throws', async t => {
  const seal = createSeal([randomBytes(32)], 'a tenant')
  const padding = fc.integer({ min: 0, max: 11_000 })
  const changes: [name: string, change: (parts: string[], at: number, other: number) => string[]][] = [
    ['a character',
      (parts, at, other) =>
        replace(
          parts,
          at,
          part =>
            part.slice(0, other % part.length) + (part[other % part.length] === 'A' ? 'B' : 'A') + part.slice(other % part.length + 1)
        )],
    ['a shorter part', (parts, at, other) => replace(parts, at, part => part.slice(0, other % part.length))],
    ['a longer part', (parts, at) => replace(parts, at, part => `${part}A`)],
    ['two parts swapped',
      (parts, at, other) =>
        parts.map((part, index) =>
          index === at ? parts[other % parts.length] as string : index === other % parts.length ? parts[at] as string : part
        )],
    ['a part twice', (parts, at) => [...parts, '='].map((part, index) => index === parts.length ? `=${parts[at]}` : part)],
    ['a part dropped', (parts, at) => parts.map((part, index) => index === at ? '' : part)],
    ['a part in place of another', (parts, at, other) => replace(parts, at, () => parts[other % parts.length] as string)]
  ]
  fc.assert(fc.property(padding, fc.nat(3), fc.nat(20_000), fc.constantFrom(...changes), (length, part, other, [, change]) => {
    const value = { id: 'x', padding: 'p'.repeat(length) }
    const lines = plain.write('session', seal.seal('session', value), 60, none)
    const cookies = lines.map(line => line.split(';', 1)[0] as string)
    const values = cookies.map(cookie => cookie.slice(cookie.indexOf('=') + 1))
    const at = part % values.length
    const header = change(values, at, other)
      .map((each, index) =>
        each.startsWith('=')
          ? `${nameOf(cookies[at] as string)}${each}`
          : each === ''
            ? 'gone=1'
            : `${nameOf(cookies[index] as string)}=${each}`
      )
      .join('; ')
    const read = plain.read('session', header)
    const opened = read.values.map(value => seal.open('session', value)).find(each => each !== undefined)
    return opened === undefined ? header !== cookies.join('; ') : JSON.stringify(opened.value) === JSON.stringify(value)
  }), { numRuns: Number(process.env.FC_RUNS ?? 500) })
})

// CVE-2026-19349: a cookie of one purpose was taken for another.
t.test('what was sealed for one purpose never opens for another', async t => {
  const key = randomBytes(32)
  const purposes: Purpose[] = ['session', 'login', 'handover', 'shared']
  const seal = createSeal([key, randomBytes(32)], 'a tenant')
  for (const purpose of purposes) {
    const sealed = seal.seal(purpose, { id: 'x' })
    for (const other of purposes.filter(each => each !== purpose)) t.equal(seal.open(other, sealed), undefined, `${purpose} as ${other}`)
  }
  t.notSame(deriveKey(key, 'session', 'a tenant'), deriveKey(key, 'login', 'a tenant'))
  t.equal(deriveKey(key, 'session', 'a tenant').length, 32)
})

function replace (parts: string[], at: number, change: (part: string) => string): string[] {
  return parts.map((part, index) => index === at ? change(part) : part)
}
