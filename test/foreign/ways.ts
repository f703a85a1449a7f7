import type { Test } from 'tap'
import { alice } from '../../sandbox/identities.js'
import { createBrowser, login } from '../helpers/browser-jar.js'
import { startGateway } from '../helpers/gateway.js'
import { startSite } from '../helpers/nginx.js'
import { reservePort } from '../helpers/ports.js'
import { findMissing } from './programs.js'
import type { Way } from './way.js'

/** Runs a test with a gateway that clients reach themselves, and with one behind nginx as deploy/nginx has it. */
export async function eachWay (t: Test, run: (t: Test, way: Way) => Promise<void>): Promise<void> {
  for (const [name, missing] of [['to the gateway'], ['through nginx', findMissing('nginx')]] as const) {
    await t.test(name, { skip: missing ?? false }, async t => {
      const port = await reservePort()
      const behind = name === 'through nginx'
      const { tenant, ...gateway } = await startGateway(t, behind ? { settings: { PUBLIC_URL: `http://localhost:${port}` } } : {})
      if (behind) await startSite(t, port, gateway.origin)
      const origin = behind ? `http://localhost:${port}` : gateway.origin
      const browser = createBrowser()
      t.equal((await login(browser, `${origin}/login?returnto=/gateway/check`, alice)).status, 204)
      await run(t, { origin, tenant, saysContinue: behind, cookie: browser.cookies.header(new URL(origin)) })
    })
  }
}
