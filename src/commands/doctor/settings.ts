import { checkGateway, type Config, type ConfigError } from '../../settings/config.js'
import { readSettings } from '../../settings/config-file.js'
import { isLoopback } from '../../settings/addresses.js'
import { ok, problem, warning, type Finding } from './finding.js'

/**
 * Reads the settings as the gateway does, for each tenant of CONFIG_FILE. Errors become problems, and settings with
 * surprising effects become warnings. Without errors there is at least one set of settings.
 */
export async function examineSettings (env: NodeJS.ProcessEnv): Promise<{ configs: Config[], findings: Finding[] }> {
  try {
    const read = await readSettings(env)
    const configs = 'file' in read ? checkGateway(read.gateway).tenants.map(({ config }): Config => ({ ...read, gateway: config })) : [read]
    const findings = [...read.warnings.map(text => warning(text, 'docs/settings.md tells what to set.')), ...configs.flatMap(surprises)]
    return { configs, findings: findings.length > 0 ? findings : [ok('The gateway starts with these settings.')] }
  } catch (error) {
    const { faults, hints } = error as ConfigError
    return {
      configs: [],
      findings: [
        ...faults.map(fault => problem(`${fault}.`, 'The gateway does not start before this is mended.')),
        ...hints.map(hint => warning(hint, 'docs/settings.md lists the names.'))
      ]
    }
  }
}

function surprises (
  { gateway: { name, publicUrl, scopes, credentials }, server: { trustedProxies, unixSocket }, certificate }: Config
): Finding[] {
  const findings: Finding[] = []
  if (credentials === 'authorization-code' && !scopes.includes('offline_access')) {
    findings.push(warning(
      `${name === undefined ? '' : `${name}: `}QLIK_SCOPES has no offline_access: the tenant gives no refresh token, and every ` +
        'session ends with its first access token, after some hours.',
      'Add offline_access, to the scopes of the OAuth client too.'
    ))
  }
  if (isLoopback(publicUrl.hostname)) {
    findings.push(warning(
      `${name === undefined
        ? 'PUBLIC_URL'
        : `The publicUrl of ${name}`} is ${publicUrl.origin}: only browsers on this machine can use the gateway.`,
      'Set it to the address by which browsers call the gateway, once there is one.'
    ))
  } else if (trustedProxies.length === 0 && unixSocket === undefined && certificate === undefined) {
    findings.push(warning(
      'TRUSTED_PROXIES is not set, and something in front of the gateway ends https: the log shows its address for every client.',
      'List the addresses of that proxy, as 10.0.0.0/8. Scheme and host need nothing: they come from PUBLIC_URL.'
    ))
  }
  return findings
}
