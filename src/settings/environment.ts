import { readFileSync } from 'node:fs'
import { findMeant } from './misspelt.js'
import { configFileVariable, contentVariables, fileVariables, lowerCaseToo, variables } from './variables.js'

/** The values of options by name, not checked. */
export type Values = Record<string, unknown>

/** The values of all variables that are set, by the names of their options. */
export function readVariables (env: NodeJS.ProcessEnv, faults: string[]): Values {
  const values: Values = {}
  for (const [name, option] of Object.entries(variables)) {
    const lowerCase = lowerCaseToo.includes(name) ? readVariable(env, name.toLowerCase(), faults) : undefined
    const value = readVariable(env, name, faults) ?? lowerCase
    if (value !== undefined) values[option] = value
  }
  values.sessionKeysFile = env.SESSION_KEYS_FILE || undefined
  values.clientSecretFile = env.QLIK_CLIENT_SECRET_FILE || undefined
  values.adminClientSecretFile = env.QLIK_ADMIN_CLIENT_SECRET_FILE || undefined
  for (const [name, option] of Object.entries(contentVariables)) {
    const content = readVariable({ [name]: env[name] }, option, faults, name)
    if (content !== undefined) values[option] = content
  }
  values.identityProxies = values.trustedProxies
  return values
}

/** The value of a variable, or the content of the file that another variable names. Both together are a fault. */
export function readVariable (env: NodeJS.ProcessEnv, name: string, faults: string[], fileName = fileVariableOf(name)): string | undefined {
  // `docker run -e NAME=` and compose files set empty variables. They count as not set.
  const value = env[name] || undefined
  const file = fileName === undefined ? undefined : env[fileName] || undefined
  if (file === undefined) return value
  if (value !== undefined) {
    faults.push(`${name} and ${fileName} are both set: keep one of them`)
    return undefined
  }
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    faults.push(`${fileName} cannot be read (${(error as NodeJS.ErrnoException).code}): name a file that the gateway may read`)
    return undefined
  }
}

function fileVariableOf (name: string): string | undefined {
  return Object.keys(fileVariables).find(key => fileVariables[key as keyof typeof fileVariables] === name)
}

// OpenSSL and Node read these variables. Their names resemble settings by chance.
const ofOthers = ['SSL_CERT_FILE', 'SSL_CERT_DIR']

/** Warns of variables that look like misspelt settings. */
export function findMisspelt (env: NodeJS.ProcessEnv): string[] {
  const known = [
    configFileVariable, ...Object.keys(variables), ...Object.keys(fileVariables), ...lowerCaseToo.map(name => name.toLowerCase())
  ]
  return Object.keys(env).filter(name => env[name] && !known.includes(name) && !ofOthers.includes(name)).flatMap(name => {
    const meant = findMeant(name, known)
    return meant === undefined ? [] : [`${name} is no setting: is ${meant} meant?`]
  })
}

const names = new Map([
  ...Object.entries(variables),
  ...Object.entries(contentVariables),
  ...Object.entries(fileVariables).map(([name, variable]): [string, string] => [name, `${variables[variable]}File`]),
  ['TRUSTED_PROXIES', 'identityProxies']
].map(([name, option]): [string, string] => [option as string, name as string]))

/** The variable that sets an option. */
export function nameOf (option: string): string {
  return names.get(option) as string
}

/**
 * Names settings as they are written in the file of CONFIG_FILE, in a text that names them by their variables. A
 * variable that is set takes precedence over the file, and keeps its name.
 */
export function nameAsInFile (text: string, env: NodeJS.ProcessEnv): string {
  return text.replaceAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g, name => env[name] ? name : optionsInFile.get(name) ?? name)
}

const optionsInFile = new Map<string, string>([
  ...Object.entries(variables),
  ...Object.entries(fileVariables).map(([name, variable]): [string, string] => [name, `${variables[variable]}File`])
])

/** The option that a variable sets. */
export function optionOf (name: string): string {
  return variables[name as keyof typeof variables]
}
