import { z } from 'zod'
import type { GatewayOptions } from './gateway-options.js'
import type { Values } from './environment.js'
import { faultsAcross, isReservedPath } from './faults.js'
import { nameOptions } from './mentions.js'
import { findMeant } from './misspelt.js'
import {
  cookieNameOf, gatewaySchema, ownOptions, sharedOptions, type GatewayConfig, type SharedConfig, type SharedOption
} from './gateway-schema.js'
import { inOurWords } from './values.js'

// A tenant that sets one option of a group inherits none of the group.
const alternatives: readonly (readonly string[])[] = [
  ['clientSecret', 'clientSecretFile', 'clientKey', 'clientKeyFile', 'clientKeyId'], ['sessionKeys', 'sessionKeysFile']
]

/** How many segments the path of a public URL may have where there are several tenants. */
export const deepestPath = 3

/** One of several tenants: its name, its public URL, and whatever differs from the options for all. */
export type TenantOptions = Partial<Omit<GatewayOptions, SharedOption>> & Pick<GatewayOptions, 'publicUrl'> & { name: string }

/** The values of options as they were given, and as they are used. */
export interface CheckedTenant { given: Record<string, unknown>, config: GatewayConfig }

export interface CheckedTenants { shared: SharedConfig, tenants: CheckedTenant[] }

/**
 * Checks the options of several tenants. `top` holds what they share or inherit; `nameOf` gives the name of the setting
 * for messages. Every fault is added with the name or the path of its option (`tenants[2].publicUrl`). The result is
 * valid only if there is no fault.
 */
export function checkTenants (top: Values, entries: unknown, faults: string[], nameOf = (option: string) => option): CheckedTenants {
  const tell = (line: string) => { if (!faults.includes(line)) faults.push(line) }
  const parser = new OptionParser()
  const name = (message: string) => nameOptions(message, nameOf)
  const isShared = (option: string) => (sharedOptions as readonly string[]).includes(option)
  for (const option of ownOptions.filter(option => top[option] !== undefined)) {
    tell(`${nameOf(option)} belongs to each tenant: move it to the list of tenants`)
  }
  const inherited = Object.fromEntries(Object.entries(top).filter(([option]) => !isShared(option) && !ownOptions.includes(option)))
  const shared = parser.parse(isShared, top, (option, message) => { tell(`${nameOf(option)} ${name(message)}`) })
  if (!Array.isArray(entries) || entries.length === 0) {
    tell('tenants is required: list at least one tenant, with its name and publicUrl')
    return { shared: shared as SharedConfig, tenants: [] }
  }
  const tenants = entries.map((entry: unknown, at) => {
    const own = Object(entry) as Values
    for (const option of Object.keys(own)) {
      if (isShared(option)) tell(`tenants[${at}].${option} is for all tenants: move it to the top level`)
      else if (!Object.hasOwn(gatewaySchema.shape, option)) tell(`tenants[${at}].${option} is not an option: ${suggestOption(option)}`)
    }
    const given = inherit(inherited, own)
    const isInherited = (option: string) => own[option] === undefined && given[option] !== undefined
    const whereOf = (option: string) => isInherited(option) ? nameOf(option) : `tenants[${at}].${writtenAs(option, own)}`
    const faulty = new Set<string>()
    const config = parser.parse(option => !isShared(option), { ...given, name: own.name ?? null }, (option, message) => {
      faulty.add(option)
      tell(`${whereOf(option)} ${name(message)}`)
    })
    Object.assign(config, shared)
    limitIdleTime(config, given)
    limitScopes(config, given)
    for (const [option, message] of faultsAcross(config)) {
      if (!faulty.has(option) && !isShared(option)) tell(`${whereOf(option)} ${name(message)}`)
    }
    return { given, config }
  })
  for (const [option, message] of faultsAcross(shared)) if (isShared(option)) tell(`${nameOf(option)} ${name(message)}`)
  tellClashes(tenants.map(({ config }) => config), shared, tell)
  return { shared: shared as SharedConfig, tenants: tenants as CheckedTenant[] }
}

/** An option that is set by the content of a file is written as the option that names the file. */
export function writtenAs (option: string, values: Values): string {
  const file = `${option}File`
  return values[file] === undefined ? option : file
}

/** What is given on one level, and what it inherits from the one above. */
export function inherit (above: Values, own: Values): Values {
  const replaced = alternatives.filter(group => group.some(option => own[option] !== undefined)).flat()
  return { ...Object.fromEntries(Object.entries(above).filter(([option]) => !replaced.includes(option))), ...own }
}

const fields = Object.entries(gatewaySchema.shape)

/** Parses option by option, so that a fault in one hides none in another. */
class OptionParser {
  /** The last value of each option: most are the same for all of hundreds of tenants. */
  readonly #last = new Map<string, { value: unknown, parsed: z.ZodSafeParseResult<unknown> }>()

  parse (
    isWanted: (option: string) => boolean, values: Values, tell: (option: string, message: string) => void
  ): Partial<GatewayConfig> {
    const config: Values = {}
    for (const [option, field] of fields) {
      if (!isWanted(option)) continue
      const value = values[option]
      let last = this.#last.get(option)
      if (last === undefined || !Object.is(last.value, value)) {
        last = { value, parsed: z.safeParse(field, value, inOurWords) }
        this.#last.set(option, last)
      }
      const { parsed } = last
      if (parsed.success) config[option] = parsed.data
      else for (const message of new Set(parsed.error.issues.map(({ message }) => message))) tell(option, message)
    }
    return config
  }
}

type GivenOptions = Partial<Record<keyof GatewayConfig, unknown>>

/** The default of the idle time is no longer than the lifetime of a session. */
export function limitIdleTime (config: Partial<GatewayConfig>, { sessionIdleSeconds }: GivenOptions): void {
  const { sessionIdleSeconds: idle = 0, sessionMaxSeconds: most = idle } = config
  if (sessionIdleSeconds === undefined && idle > most) config.sessionIdleSeconds = most
}

/** The default scopes of impersonation are without `offline_access`: it has no refresh tokens. */
export function limitScopes (config: Partial<GatewayConfig>, { scopes }: GivenOptions): void {
  if (scopes === undefined && config.credentials === 'impersonation') config.scopes = ['user_default']
}

/** Reports what two tenants have in common and must not. */
function tellClashes (configs: readonly Partial<GatewayConfig>[], shared: Partial<SharedConfig>, tell: (line: string) => void): void {
  const names = new Map<string, number>()
  const places = new Map<string, number>()
  const cookies = new Map<string, number>()
  const forwarded = [...shared.forwardPublic ?? [], ...shared.forwardPrivate ?? []]
  configs.forEach(({ name, publicUrl, cookieName }, at) => {
    if (name !== undefined) {
      const first = names.get(name)
      if (first !== undefined) tell(`tenants[${at}].name is that of tenants[${first}] too: give each a name of its own`)
      names.set(name, first ?? at)
    }
    if (publicUrl === undefined) return
    const place = publicUrl.host + publicUrl.pathname.replace(/\/$/, '')
    const first = places.get(place)
    if (first !== undefined) tell(`tenants[${at}].publicUrl is that of tenants[${first}] too: give each a host or a path of its own`)
    places.set(place, first ?? at)
    if (publicUrl.pathname.split('/').length - 1 > deepestPath) {
      tell(`tenants[${at}].publicUrl has a path of more than ${deepestPath} segments: make it shorter`)
    }
    if (cookieName === undefined) return
    const cookie = `${publicUrl.hostname} ${cookieNameOf({ cookieName, name, publicUrl })}`
    const other = cookies.get(cookie)
    if (first === undefined && other !== undefined) {
      tell(`tenants[${at}].cookieName is that of tenants[${other}] under the same host name, ` +
        'and browsers keep cookies apart by no port: give it another')
    }
    cookies.set(cookie, other ?? at)
  })
  configs.forEach(({ callbackUrl }, at) => {
    if (callbackUrl === undefined) return
    const above = configs.findIndex(({ publicUrl }) => publicUrl !== undefined && isBelow(callbackUrl, publicUrl))
    if (above !== -1 && !configs.some(({ publicUrl }) => publicUrl !== undefined && callbackUrl.href === ownCallback(publicUrl))) {
      tell(`tenants[${at}].callbackUrl is below the public URL of tenants[${above}], and no callback of a tenant: ` +
        'give it a host of its own, or name that callback')
    }
  })
  configs.forEach(({ publicUrl }, at) => {
    const segments = publicUrl?.pathname.split('/').slice(1).filter(Boolean) ?? []
    for (let count = 0; count < segments.length; count++) {
      const above = [publicUrl?.host, ...segments.slice(0, count)].join('/')
      if (places.has(above) && isReservedPath(`/${segments.slice(count).join('/')}`, forwarded)) {
        tell(`tenants[${at}].publicUrl has a path that the tenant of ${above} answers or forwards itself: choose another`)
      }
    }
  })
}

function isBelow (url: URL, base: URL): boolean {
  return url.host === base.host && `${url.pathname}/`.startsWith(`${base.pathname.replace(/\/$/, '')}/`)
}

/** The callback of a tenant that shares none with others. */
export function ownCallback (publicUrl: URL): string {
  return `${publicUrl.href.replace(/\/$/, '')}/login/callback`
}

/** The remedy for an unknown option. */
export function suggestOption (option: string, known = Object.keys(gatewaySchema.shape)): string {
  const meant = findMeant(option, known)
  return meant === undefined ? 'correct its spelling or leave it out' : `is ${meant} meant?`
}
