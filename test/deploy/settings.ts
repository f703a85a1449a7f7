import type { Test } from 'tap'
import { fileVariables, readConfig, variables, type Config } from '../../src/settings/config.js'
import { sessionKey } from '../helpers/session-cookie.js'

/** What the gateway makes of settings in production; files that they name are put in place. Fails for names that it does not know. */
export function readSettings (t: Test, settings: NodeJS.ProcessEnv): Config['gateway'] {
  const files = t.testdir({ secret: 'a-secret', keys: sessionKey })
  for (const name of Object.keys(settings)) t.ok(name in variables || name in fileVariables, name)
  return readConfig({ NODE_ENV: 'production', ...settings, QLIK_CLIENT_SECRET_FILE: `${files}/secret`, SESSION_KEYS_FILE: `${files}/keys` }).gateway
}
