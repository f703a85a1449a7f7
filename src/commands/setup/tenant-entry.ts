import { readTenantEntry } from '../../settings/config-file.js'
import type { ConfigError } from '../../settings/config.js'
import { configFileVariable } from '../../settings/variables.js'
import { CommandError } from '../command.js'

/** The tenant options that replace variables. */
const standIns = {
  QLIK_TENANT_URL: 'tenantUrl',
  QLIK_CLIENT_ID: 'clientId',
  QLIK_CLIENT_SECRET: 'clientSecret',
  QLIK_CLIENT_SECRET_FILE: 'clientSecretFile',
  QLIK_SCOPES: 'scopes',
  PUBLIC_URL: 'publicUrl',
  // There is no variable for it.
  callbackUrl: 'callbackUrl'
} as const

/**
 * The environment of a command that sets up a tenant. With `name`, the settings of that tenant in CONFIG_FILE replace
 * the variables. The administrator is always named by variables. Raises CommandError.
 */
export async function environmentOf (env: NodeJS.ProcessEnv, name: string | undefined): Promise<NodeJS.ProcessEnv> {
  if (name === undefined) return env
  const file = env[configFileVariable] || undefined
  if (file === undefined) throw new CommandError('--tenant names a tenant of the file of settings: set CONFIG_FILE.')
  const entry = await readTenantEntry(file, name).catch(({ message }: ConfigError) => { throw new CommandError(message, 1) })
  if (entry === undefined) {
    throw new CommandError(`There is no tenant "${name}" in ${file}: write its name, publicUrl and tenantUrl there first.`)
  }
  return { ...env, ...Object.fromEntries(Object.entries(standIns).map(([variable, option]) => [variable, textOf(entry[option])])) }
}

function textOf (value: unknown): string | undefined {
  return Array.isArray(value) ? value.join(' ') : typeof value === 'string' ? value : undefined
}
