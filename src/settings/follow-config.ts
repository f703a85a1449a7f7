import type { FastifyInstance } from 'fastify'
import { ConfigError, type Config } from './config.js'
import type { TenantsConfig } from './config-file.js'
import { followFile } from './follow-file.js'
import { sharedOptions } from './gateway-schema.js'
import { isSameOption } from '../tenants/settings-change.js'

/** The tenants of a gateway, for its log. */
export function describeTenants (options: (Config | TenantsConfig)['gateway']): object {
  if ('tenants' in options) return { tenants: options.tenants.entries.map(({ name }) => name) }
  return { publicUrl: options.publicUrl.href, tenant: options.tenantUrl.origin }
}

/**
 * Follows the file of settings and serves its tenants whenever it changes. A file with a fault is refused as a whole,
 * with all faults in the log; nothing changes then. Settings that do not belong to a tenant take effect at the next
 * start.
 */
export function followConfigFile (app: FastifyInstance, config: TenantsConfig): void {
  const { file, text, gateway: { signals, tenants } } = config
  const refuse = (...faults: string[]) => { app.log.error({ file, faults }, 'the file of settings is refused: those before it stay') }
  let waiting = ''

  async function take (): Promise<void> {
    try {
      const next = await config.readAgain()
      await tenants.replace(next.gateway.tenants.entries)
      const settings = waitingSettings(config, next)
      if (settings.length > 0 && settings.join() !== waiting) {
        app.log.warn({ file, settings }, 'these settings have changed and take effect at the next start')
      }
      waiting = settings.join()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      refuse(...error.faults)
    }
  }

  let stop: (() => void) | undefined
  app.addHook('onReady', async () => { stop = followFile({ file, take, refuse, signals, seen: text }) })
  app.addHook('onClose', async () => { stop?.() })
}

/** The settings of the gateway as a whole that differ. */
function waitingSettings (before: TenantsConfig, after: TenantsConfig): string[] {
  const shared = sharedOptions.filter(option => option !== 'signals')
  const [one, other] = [before, after].map(({ gateway, server }): Record<string, unknown> => ({
    ...server,
    ...Object.fromEntries(shared.map(option => [option, gateway[option as keyof typeof gateway]]))
  })) as [Record<string, unknown>, Record<string, unknown>]
  return Object.keys(one).filter(setting => !isSameOption(one[setting], other[setting]))
}
