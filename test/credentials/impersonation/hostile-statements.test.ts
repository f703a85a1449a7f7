import { createHmac, createPublicKey, randomUUID, sign, type JsonWebKey, type KeyObject } from 'node:crypto'
import { CompactEncrypt, CompactSign, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose'
import t from 'tap'
import { createKeyPair } from '../../../sandbox/key-pair.js'
import { carol, cookiesOf, startOwnUsers, type OwnUsers } from '../../helpers/own-users.js'
import { createIssuer } from '../../helpers/statements.js'

const seconds = () => Math.floor(Date.now() / 1000)
const encode = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const other = createIssuer()
const rsa = createKeyPair(2_048)
const weak = createKeyPair(1_024)

/** An issuer that publishes, beside its key, those that no statement may be signed by. */
function createCarelessIssuer () {
  const issuer = createIssuer()
  const { keys } = JSON.parse(issuer.keys) as { keys: object[] }
  const more = [
    { ...weak.publicKey.export({ format: 'jwk' }), kid: 'weak', alg: 'RS256' },
    { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'sealing', use: 'enc' },
    { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'other-algorithm', alg: 'PS256' },
    { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA', kid: 'broken', alg: 'ES256' }
  ]
  return { ...issuer, keys: JSON.stringify({ keys: [...keys, ...more] }) }
}

/** What somebody may bring who has not been named by the issuer, or not now, or not to this gateway. */
function hostile ({ issuer, origin }: OwnUsers): [what: string, statement: unknown][] {
  const good = (changes: JWTPayload = {}): JWTPayload => ({
    iss: issuer.issuer,
    sub: carol.subject,
    aud: origin,
    iat: seconds(),
    exp: seconds() + 120,
    jti: randomUUID(),
    ...changes
  })
  const by = async (changes: JWTPayload) => await issuer.state(carol.subject, origin, changes)
  const hmac = (alg: string, secret: string | Buffer, header = {}) => {
    const signed = `${encode({ alg, kid: 'one', ...header })}.${encode(good())}`
    return `${signed}.${createHmac(`sha${alg.slice(2)}`, secret).update(signed).digest('base64url')}`
  }
  const publicJwk = (JSON.parse(issuer.keys) as { keys: [JsonWebKey] }).keys[0]
  const publicPem = createPublicKey({ key: publicJwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const signedBy = (key: KeyObject, kid: string) => {
    const signed = `${encode({ alg: 'RS256', kid })}.${encode(good())}`
    return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`
  }
  const tampered = async (change: (parts: [string, string, string]) => string[]) =>
    change((await by({})).split('.') as [string, string, string]).join('.')
  const signed = async (text: string) =>
    await new CompactSign(new TextEncoder().encode(text)).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(issuer.privateKey)
  return [
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['an object', { sub: carol.subject }],
    ['a list of a good one', by({}).then(jwt => [jwt])],
    ['an empty text', ''],
    ['words', 'carol'],
    ['dots', '..'],
    ['four parts', tampered(parts => [...parts, 'x'])],
    ['a JSON serialisation',
      by({}).then(jwt => {
        const [header, payload, signature] = jwt.split('.')
        return JSON.stringify({ protected: header, payload, signature })
      })],
    ['alg none', new UnsecuredJWT(good()).encode()],
    ['alg None', `${encode({ alg: 'None' })}.${encode(good())}.`],
    ['no alg', `${encode({ kid: 'one' })}.${encode(good())}.AAAA`],
    ['no signature', tampered(([header, payload]) => [header, payload, ''])],
    ['a signature of another statement',
      Promise.all([by({}), by({})]).then(([one, two]) => [...one.split('.').slice(0, 2), two.split('.')[2]].join('.'))],
    ['another user put in', tampered(([header, _payload, signature]) => [header, encode(good({ sub: 'portal|dave' })), signature])],
    ['another key of the same id', other.state(carol.subject, origin)],
    ['a key that nobody knows', issuer.state(carol.subject, origin, {}, { kid: 'two' })],
    ['HS256 with the public key as a JWK', hmac('HS256', JSON.stringify(publicJwk))],
    ['HS256 with the public key in PEM', hmac('HS256', publicPem)],
    ['HS384 with a key that names no algorithm', hmac('HS384', publicPem, { kid: 'sealing' })],
    ['HS512 with the whole key set', hmac('HS512', issuer.keys)],
    ['HS256 with no secret', hmac('HS256', '')],
    ['a key in its own header',
      new SignJWT(good())
        .setProtectedHeader({ alg: 'RS256', jwk: rsa.publicKey.export({ format: 'jwk' }), kid: 'one' })
        .sign(rsa.privateKey)],
    ['an address of keys in its own header',
      new SignJWT(good()).setProtectedHeader({ alg: 'RS256', jku: 'https://evil.example/keys', kid: 'one' }).sign(rsa.privateKey)],
    ['a published key that is weak', signedBy(weak.privateKey, 'weak')],
    ['a published key that is for encryption', signedBy(rsa.privateKey, 'sealing')],
    ['a published key that is for another algorithm', signedBy(rsa.privateKey, 'other-algorithm')],
    ['a published key that is none', issuer.state(carol.subject, origin, {}, { kid: 'broken' })],
    ['encrypted to a published key',
      new CompactEncrypt(new TextEncoder().encode(JSON.stringify(good())))
        .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: 'sealing' })
        .encrypt(rsa.publicKey)],
    ['a critical extension that nobody knows',
      new SignJWT(good())
        .setProtectedHeader({ alg: 'ES256', kid: 'one', crit: ['x'], x: 1 })
        .sign(issuer.privateKey, { crit: { x: true } })],
    ['another issuer', by({ iss: 'https://evil.example' })],
    ['an issuer with a slash more', by({ iss: `${issuer.issuer}/` })],
    ['no issuer', by({ iss: undefined } as never)],
    ['another audience', by({ aud: 'https://other.example' })],
    ['the audience as a prefix', by({ aud: `${origin}.evil.example` })],
    ['no audience', by({ aud: undefined } as never)],
    ['a list of other audiences', by({ aud: ['https://one.example', 'https://two.example'] })],
    ['expired', by({ iat: seconds() - 300, exp: seconds() - 61 })],
    ['no end', by({ exp: undefined } as never)],
    ['an end that is text', by({ exp: `${seconds() + 100}` as never })],
    ['good for six minutes', by({ exp: seconds() + 360 })],
    ['good for years', by({ iat: undefined, exp: seconds() + 100_000_000 } as never)],
    ['good for five minutes, from tomorrow', by({ iat: seconds() + 86_400, exp: seconds() + 86_700 })],
    ['not before tomorrow', by({ nbf: seconds() + 86_400 })],
    ['made in the future', by({ iat: seconds() + 90, exp: seconds() + 120 })],
    ['made at no time', by({ iat: 'now' as never })],
    ['no id', by({ jti: undefined } as never)],
    ['an empty id', by({ jti: '' })],
    ['an id that is an object', by({ jti: {} as never })],
    ['no subject', by({ sub: undefined } as never)],
    ['an empty subject', by({ sub: '' })],
    ['a subject that is a list', by({ sub: [carol.subject] as never })],
    ['a subject of two lines', by({ sub: `${carol.subject}\nportal|dave` })],
    ['a subject without end', by({ sub: 'x'.repeat(1_000) })],
    ['groups that are no names', by({ groups: [{ name: 'EMEA' }] })],
    ['a payload that is text', signed('carol')],
    ['a payload that is a list', signed('[]')],
    ['more than anybody has to say', by({ more: 'x'.repeat(13_000) })]
  ]
}

t.test('a statement that is forged, old, for others or of nobody is 401, begins nothing and costs no grant', async t => {
  const issuer = createCarelessIssuer()
  const stage = await startOwnUsers(t, { issuer, settings: { MAX_LOGINS_PER_MINUTE: '1000' } })
  const table = hostile(stage)
  t.ok(table.length >= 30)
  for (const [what, statement] of table) {
    const answer = await stage.assert(await statement)
    t.match([answer.status, await answer.json(), cookiesOf(answer)], [401, { errors: [{ code: 'GW-STATEMENT' }] }, ''], what)
  }
  t.equal(stage.tenant.controls.requests.length, 0, 'the tenant has heard of none')
  t.equal((await stage.assert(await stage.issuer.state(carol.subject, stage.origin))).status, 204, 'a good one is taken')
})

t.test('none of them is better when an ingress adds it', async t => {
  const issuer = createCarelessIssuer()
  const stage = await startOwnUsers(t, { issuer, settings: { IDENTITY_JWT_HEADER: 'x-identity', TRUSTED_PROXIES: '127.0.0.0/8,::1' } })
  // What is no text, or spans lines, fits into no header. An ingress adds the same one to each request, so that it needs no id.
  const fits = async (statement: unknown) =>
    typeof await statement === 'string' && !/\n/.test(String(await statement)) && String(await statement).length < 12_000
  let tried = 0
  for (const [what, statement] of hostile(stage)) {
    if (!await fits(statement) || /^(?:no|an empty|an) id\b/.test(what)) continue
    tried++
    const answer = await stage.ask('/gateway/session', undefined, { headers: { 'x-identity': String(await statement) } })
    t.match([answer.status, await answer.json(), cookiesOf(answer)], [401, { errors: [{ code: 'GW-STATEMENT' }] }, ''], what)
  }
  t.ok(tried >= 30)
  t.equal(stage.tenant.controls.requests.length, 0, 'the tenant has heard of none')
  t.equal(
    (await stage.ask('/gateway/check', undefined, { headers: { 'x-identity': await issuer.state(carol.subject, stage.origin) } })).status,
    204
  )
})

t.test('a statement is good once, also when it comes twice at once', async t => {
  const { tenant, origin, issuer, assert } = await startOwnUsers(t)
  const statement = await issuer.state(carol.subject, origin)
  const answers = await Promise.all([1, 2, 3].map(async () => await assert(statement)))
  t.same(answers.map(({ status }) => status).sort(), [204, 401, 401])
  t.equal((await assert(statement)).status, 401)
  t.equal(tenant.controls.grants.impersonation, 1)
})

t.test('clocks may differ by a minute', async t => {
  const { origin, issuer, assert } = await startOwnUsers(t)
  for (const changes of [{ iat: seconds() - 200, exp: seconds() - 30 }, { iat: seconds() + 30, exp: seconds() + 330 }]) {
    t.equal((await assert(await issuer.state(carol.subject, origin, changes))).status, 204)
  }
})

t.test('a page of another site brings no statement, and none without an Origin', async t => {
  const { tenant, origin, issuer, assert } = await startOwnUsers(t)
  for (const foreign of ['https://evil.example', 'null']) {
    t.match(await (await assert(await issuer.state(carol.subject, origin), { origin: foreign })).json(), {
      errors: [{ code: 'GW-FOREIGN-ORIGIN' }]
    })
  }
  t.equal((await fetch(`${origin}/gateway/assertion`, { method: 'POST' })).status, 403)
  t.equal(tenant.controls.requests.length, 0)
})

t.test('a statement is nothing where users sign in at the tenant, or the ingress names them', async t => {
  for (const settings of [{ CREDENTIALS: 'authorization-code' }, { IDENTITY_JWT_HEADER: 'x-identity', TRUSTED_PROXIES: '10.0.0.0/8' }]) {
    const { origin, issuer, assert } = await startOwnUsers(t, { settings })
    t.match(await (await assert(await issuer.state(carol.subject, origin))).json(), { errors: [{ code: 'GW-NOT-FOUND' }] })
  }
})
