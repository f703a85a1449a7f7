import { existsSync, readFileSync, statSync } from 'node:fs'
import t from 'tap'
import { startTenant } from '../../sandbox/tenant.js'
import { setupCommand } from '../../src/commands/setup/setup.js'
import { startGateway } from '../helpers/gateway.js'
import { carol, clientOf, keepFile, settingsOf } from '../helpers/own-users.js'
import { reservePort } from '../helpers/ports.js'
import { createIssuer } from '../helpers/statements.js'

async function run (words: string[], env: NodeJS.ProcessEnv) {
  let out = ''
  let err = ''
  const status = await setupCommand.run(words, { env, out: text => { out += text }, err: text => { err += text } })
  return {
    status,
    out,
    err,
    settings: Object.fromEntries([...out.matchAll(/^(\w+)="?([^"\n]*)"?$/gm)].map(([, name = '', value = '']) => [name, value]))
  }
}

t.test('setup impersonation registers the clients of a gateway that creates users, with a key, once', async t => {
  const tenant = await startTenant()
  t.teardown(async () => { await tenant.close() })
  const port = await reservePort()
  const key = `${keepFile(t, '')}.key`
  const env = { QLIK_TENANT_URL: tenant.origin, PUBLIC_URL: `http://localhost:${port}`, QLIK_ADMIN_API_KEY: tenant.administrators.apiKey }
  const shown = await run(['impersonation', '--users', '--key', key, '--dry-run'], env)
  t.match(shown.out, /"allowedGrantTypes": \[\s+"urn:qlik:oauth:user-impersonation"[^]*"private_key_jwt"[^]*"client_credentials"/)
  const made = await run(['impersonation', '--users', '--key', key], env)
  t.match(made.settings, {
    CREDENTIALS: 'impersonation',
    QLIK_SCOPES: 'user_default',
    QLIK_CLIENT_KEY_FILE: key,
    PROVISION_USERS: 'true',
    QLIK_ADMIN_CLIENT_SECRET: /^\w{64}$/
  })
  t.equal(made.settings.QLIK_CLIENT_SECRET, undefined)
  t.equal(statSync(key).mode & 0o777, 0o600)
  t.notMatch(made.out + made.err, (JSON.parse(readFileSync(key, 'utf8')) as { d: string }).d)

  const issuer = createIssuer()
  const { origin } = await startGateway(t, {
    tenant,
    settings: { ...settingsOf(t, issuer), ...made.settings, QLIK_CLIENT_SECRET: '', PORT: String(port), LOG_LEVEL: 'fatal' }
  })
  const { enter, ask } = clientOf(origin, issuer)
  t.match(await (await ask('/gateway/session', await enter())).json(), { user: { subject: carol.subject } })

  const again = await run(['impersonation', '--users'], { ...env, QLIK_CLIENT_SECRET: 'kept' })
  t.match(again.err, /is as it should be[^]*is as it should be/)
  tenant.controls.setClient({ grantTypes: ['authorization_code'] }, made.settings.QLIK_CLIENT_ID)
  const rekeyed = await run(['impersonation', '--key', `${key}.2`], env)
  t.match(rekeyed.err, /lacked allowedGrantTypes and publicKeys/)
  await t.rejects(run(['impersonation', '--key', key], env), /is there already/, 'a key that is there is not overwritten')
  await t.rejects(run(['impersonation', '--key', `${key}.3`], { ...env, QLIK_ADMIN_API_KEY: 'wrong' }), /does not show itself/)
  t.notOk(existsSync(`${key}.3`), 'a key that nobody knows is not left behind')
  await run(['impersonation', '--name', 'By secret'], env)
  t.match(
    (await run(['impersonation', '--name', 'By secret', '--key', `${key}.3`], env)).err,
    /lacked publicKeys and allowedAuthMethods/,
    'a client that had a secret may have a key'
  )
  await t.rejects(run(['--users'], env), /There is no option --users here/)
})
