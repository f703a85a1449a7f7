import { settingsFor, startGatewayProcess, type GatewayProcess } from './demo/gateway-process.js'
import { choosePort } from './demo/ports.js'
import { readDemoSettings } from './demo/settings.js'
import { announce } from './demo/words.js'
import { identities } from './identities.js'
import { findProjectFolder } from './runtime/project.js'
import { startTenant } from './tenant.js'

type Closer = () => Promise<void>

const say = (line: string) => { process.stdout.write(`${line}\n`) }

/** Starts the sandbox tenant and the gateway. Resolves when both accept requests. */
async function startDemo (closers: Closer[]): Promise<GatewayProcess> {
  const { port: wantedPort, tenantPort, idpPort, tokenSeconds } = readDemoSettings(process.env)
  const port = await take('the gateway', wantedPort)
  const origin = `http://localhost:${port}`

  say('Starting the stand-in tenant …')
  const tenant = await startTenant({
    port: await take('the stand-in tenant', tenantPort),
    idpPort: await take('the stand-in for Okta', idpPort),
    redirectUris: [`${origin}/login/callback`],
    ...tokenSeconds === undefined ? {} : { accessTokenSeconds: tokenSeconds },
    log: say
  })
  closers.push(async () => await tenant.close())
  await tenant.warmUp()

  say('Starting the gateway …')
  const settings = settingsFor(tenant, port)
  const gateway = await startGatewayProcess(findProjectFolder(), settings)
  closers.push(async () => await gateway.stop())

  say(announce({
    address: origin,
    tenant: tenant.origin,
    identityProvider: tenant.idpOrigin,
    users: identities,
    settings: { ...settings, SESSION_KEYS: '(a random key, new with each start)' },
    tokenSeconds: tenant.controls.settings.accessTokenSeconds
  }))
  return gateway
}

async function take (user: string, wanted: number): Promise<number> {
  const port = await choosePort(wanted)
  if (port !== wanted) say(`Port ${wanted} is taken by another program: ${user} uses ${port} instead.`)
  return port
}

/** Resolves at the first signal to stop. A second one ends the process at once. */
async function waitForSignal (): Promise<undefined> {
  return await new Promise(resolve => {
    let asked = false
    // SIGHUP: the terminal was closed.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (asked && signal === 'SIGINT') process.exit(130)
        asked = true
        resolve(undefined)
      })
    }
  })
}

const closers: Closer[] = []
const stopAsked = waitForSignal()
let failure: string | undefined
try {
  const started = startDemo(closers)
  // A signal during the start must stop it too. Whatever the start opens after that is closed below.
  failure = await Promise.race([started.then(async gateway => await gateway.ended), stopAsked])
  if (failure === undefined) {
    say('\nStopping …')
    await started.catch(() => undefined)
  }
} catch (error) {
  failure = (error as Error).message
}
for (const close of closers.splice(0).reverse()) await close()
if (failure !== undefined) {
  process.stderr.write(`The demo has stopped. ${failure}\n`)
  process.exitCode = 1
}
process.exit()
