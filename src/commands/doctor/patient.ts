import type { Config } from '../../config.js'
import { createTenantAgent } from '../../forward/agent.js'
import { createSignals } from '../../signals.js'
import { createTenantOAuth } from '../../tokens/tenant.js'
import { describeFailure } from './failure.js'
import { Found } from './finding.js'

/** What checks look at: the settings, and the network as the gateway uses it. */
export interface Patient extends Config {
  fetch: typeof fetch
  /** Verifies certificates as the gateway does, follows no redirect, and waits no longer than `patienceMs`. Raises Found. */
  ask: (url: URL, init?: RequestInit) => Promise<Answer>
  /** The clock of this machine, in ms since the epoch. */
  now: () => number
  patienceMs: number
  /** The public URL with a slash at its end. */
  home: string
  /** What the tenant says of its OAuth without a login (RFC 8414). */
  readMetadata: () => Promise<Answer>
  /** The tenant's answer to the request by which a login begins. */
  readAuthorization: () => Promise<Answer>
  close: () => Promise<void>
}

/** An answer that was read to its end, and when it was asked and answered. */
export interface Answer { status: number, headers: Headers, text: string, askedAt: number, answeredAt: number }

export interface PatientOptions { now?: () => number, patienceMs?: number }

export function createPatient (config: Config, { now = Date.now, patienceMs = 10_000 }: PatientOptions = {}): Patient {
  const { fetch, close } = createTenantAgent(config.gateway.maxUpstreamConnections, createSignals())
  const { tenantUrl, publicUrl } = config.gateway
  const home = `${publicUrl.href.replace(/\/$/, '')}/`
  const oauth = createTenantOAuth({ ...config.gateway, issuer: tenantUrl.origin, redirectUri: redirectUriOf(home), fetch, now })

  async function ask (url: URL, init: RequestInit = {}): Promise<Answer> {
    const askedAt = now()
    try {
      const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(patienceMs), ...init })
      return { status: response.status, headers: response.headers, askedAt, answeredAt: now(), text: await response.text() }
    } catch (error) {
      throw new Found(describeFailure(url.host, error))
    }
  }

  return {
    ...config,
    fetch,
    ask,
    now,
    patienceMs,
    home,
    readMetadata: once(async () => await ask(new URL('/.well-known/oauth-authorization-server', tenantUrl))),
    readAuthorization: once(async () => await ask((await oauth.authorize()).url)),
    close
  }
}

/** What must be registered with the OAuth client. */
export function redirectUriOf (home: string): string {
  return `${home}login/callback`
}

function once<Value> (read: () => Promise<Value>): () => Promise<Value> {
  let value: Promise<Value> | undefined
  return async () => await (value ??= read())
}

/** The fields of a JSON answer; none when it is no JSON object. */
export function readFields ({ text }: Answer): Record<string, unknown> {
  try {
    return { ...JSON.parse(text) as object }
  } catch {
    return {}
  }
}

/** Code and words of an error as Qlik's APIs, this gateway and RFC 6749 write it. The words are for judging, never for the report. */
export function readError (answer: Answer): { code: string, words: string } {
  const { errors, error, error_description: description } = readFields(answer)
  const { code, title, detail } = (Array.isArray(errors) ? errors[0] : { code: error, detail: description }) as Record<string, unknown>
  return { code: typeof code === 'string' && /^[\w-]{1,40}$/.test(code) ? code : 'no code', words: [title, detail].filter(word => typeof word === 'string').join(' ') }
}
