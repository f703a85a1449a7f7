/** The settings of the demo, from its environment. */
export interface DemoSettings {
  port: number
  tenantPort: number
  idpPort: number
  /** The lifetime of access tokens. The default is the tenant's six hours. */
  tokenSeconds?: number
}

/** Reads PORT and DEMO_TOKEN_SECONDS. Throws an error that says what is wrong and what to do. */
export function readDemoSettings (env: NodeJS.ProcessEnv): DemoSettings {
  const port = readNumber(env, 'PORT', 65_535, 'a port from 1 to 65535, or nothing for 3000')
  const tokenSeconds = readNumber(env, 'DEMO_TOKEN_SECONDS', 86_400, 'seconds from 1 to 86400, or nothing for six hours')
  return { port: port ?? 3000, tenantPort: 4001, idpPort: 4002, ...tokenSeconds === undefined ? {} : { tokenSeconds } }
}

function readNumber (env: NodeJS.ProcessEnv, name: string, most: number, remedy: string): number | undefined {
  const text = env[name] || undefined
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1 || value > most) throw new Error(`${name} is "${text}", which does not work: set it to ${remedy}.`)
  return value
}
