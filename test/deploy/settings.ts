import { writeFileSync } from 'node:fs'
import type { Test } from 'tap'
import { createKeyPair } from '../../sandbox/key-pair.js'
import { fileVariables, readConfig, variables, type Config } from '../../src/settings/config.js'
import { readConfigFile } from '../../src/settings/config-file.js'
import { configFileVariable } from '../../src/settings/variables.js'
import { createCertificate } from '../helpers/certificate.js'
import { sessionKey } from '../helpers/session-cookie.js'

/** What the gateway makes of settings in production; files that they name are put in place. Fails for names that it does not know. */
export function readSettings (t: Test, settings: NodeJS.ProcessEnv): Config['gateway'] {
  const files = t.testdir({ secret: 'a-secret', keys: sessionKey })
  checkNames(t, settings)
  return readConfig({ NODE_ENV: 'production', ...settings, QLIK_CLIENT_SECRET_FILE: `${files}/secret`, SESSION_KEYS_FILE: `${files}/keys` })
    .gateway
}

/** The public URLs of the tenants of a file of settings, which the variables name; keys that it names are put in place. */
export async function readFileSettings (t: Test, settings: NodeJS.ProcessEnv, files: Record<string, string>): Promise<string[]> {
  const { privateKey, publicKey } = createKeyPair('P-384')
  const { cert, key } = createCertificate(['localhost'])
  const kinds: [name: RegExp, content: string][] = [
    [/session-keys$/, sessionKey],
    [/secret$/, 'a-secret'],
    [/client-key$/, String(privateKey.export({ type: 'pkcs8', format: 'pem' }))],
    [/keys\.json$/, JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] })],
    [/tls\.crt$/, cert],
    [/tls\.key$/, key]
  ]
  checkNames(t, settings)
  const paths = [
    ...Object.entries(settings).flatMap(([name, path = '']) => name.endsWith('_FILE') && name !== configFileVariable ? [path] : []),
    ...Object.values(files)
      .join('\n')
      .match(/\/run\/\S+/g) ?? []
  ]
  const folder = t.testdir(Object.fromEntries(paths.map((path, at) => [String(at), kinds.find(([name]) => name.test(path))?.[1] ?? ''])))
  const placed = (text = '') => paths.reduce((before, path, at) => before.replaceAll(path, `${folder}/${at}`), text)
  const config = `${folder}/config`
  writeFileSync(config, placed(files[settings[configFileVariable]?.split('/').at(-1) ?? '']))
  const { gateway } = await readConfigFile(
    { NODE_ENV: 'production', ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, placed(value)])) },
    config
  )
  return gateway.tenants.entries.map(({ publicUrl }) => new URL(publicUrl).href)
}

function checkNames (t: Test, settings: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(settings)) t.ok(name in variables || name in fileVariables || name === configFileVariable, name)
}
