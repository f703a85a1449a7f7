// Two customers: a sandbox tenant for each, with an app of its own, and the file of settings that puts both behind one gateway.
import { stringify } from 'yaml'
import { apps, SALES_APP_ID, SUPPORT_APP_ID } from '../../build/sandbox/data/apps.js'
import { startTenant } from '../../build/sandbox/tenant.js'

const customers = [
  { name: 'acme', app: SALES_APP_ID, settings: {} },
  // Its users look and select, and change nothing.
  { name: 'globex', app: SUPPORT_APP_ID, settings: { engineMode: 'view' } }
]

/** What browsers call the gateway for each customer. */
export const hosts = customers.map(({ name }) => `${name}.vendor.localhost`)

/**
 * Starts the tenants. Answers with the text of the file that CONFIG_FILE names, and with what the page is told of each customer.
 * @param {{ port: number, frontPort: number, portal: string, sessionKeys: string }} options
 */
export async function startCustomers ({ port, frontPort, portal, sessionKeys }) {
  const served = await Promise.all(customers.map(async ({ name, app, settings }, at) => {
    const publicUrl = `https://${hosts[at]}:${frontPort}`
    const tenant = await startTenant({ redirectUris: [`${publicUrl}/login/callback`], apps: apps.filter(({ id }) => id === app) })
    await tenant.warmUp()
    const { origin, client } = tenant
    return {
      name,
      app,
      publicUrl,
      entry: { name, publicUrl, tenantUrl: origin, clientId: client.id, clientSecret: client.secret, ...settings }
    }
  }))
  return {
    file: stringify({ port, logLevel: 'warn', sessionKeys, embedOrigins: [portal], tenants: served.map(({ entry }) => entry) }),
    values: Object.fromEntries(served.flatMap(({ name, app, publicUrl }) => [[name, publicUrl], [`${name}App`, app]]))
  }
}
