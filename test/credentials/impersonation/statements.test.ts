import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import t from 'tap'
import { createVerifyStatement } from '../../../src/credentials/impersonation/statements.js'

const [issuer, audience] = ['https://portal.example', 'https://gateway.example']

t.test('an HMAC is no signature, whatever key is found for it', async t => {
  const secret = new TextEncoder().encode('the-text-of-a-public-key-which-everybody-knows')
  const verify = createVerifyStatement({
    issuer,
    audience,
    getKey: async () => secret,
    subjectClaim: 'sub',
    groupsClaim: 'groups',
    now: Date.now
  })
  for (const alg of ['HS256', 'HS384', 'HS512']) {
    const jwt = await new SignJWT({ sub: 'carol' })
      .setProtectedHeader({ alg })
      .setIssuer(issuer)
      .setAudience(audience)
      .setJti(randomUUID())
      .setIssuedAt()
      .setExpirationTime('2 minutes')
      .sign(secret)
    await t.rejects(verify(jwt), { name: 'StatementError', message: 'ERR_JOSE_ALG_NOT_ALLOWED' }, alg)
  }
})
