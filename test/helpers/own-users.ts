import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { impersonationGrant } from '../../sandbox/oauth/clients.js'
import type { TenantOptions } from '../../sandbox/tenant.js'
import { startGateway, type GatewayOptions, type Stage } from './gateway.js'
import { createIssuer, type Issuer } from './statements.js'

export const carol = { subject: 'portal|carol', name: 'Carol Clark', email: 'carol@example.com', groups: ['EMEA'] }
export const dave = { subject: 'portal|dave', name: 'Dave Dean', email: 'dave@example.com', groups: ['Americas'] }

export interface OwnUsers extends Stage {
  issuer: Issuer
  /** Brings a statement as a page of the gateway's own origin does. */
  assert: (assertion: unknown, headers?: Record<string, string>) => Promise<Response>
  /** The Cookie header of a session of this user. */
  enter: (subject?: string) => Promise<string>
  ask: (path: string, cookie?: string, init?: RequestInit & { headers?: Record<string, string> }) => Promise<Response>
}

/** The settings of a gateway whose users the issuer names. */
export function settingsOf (t: Test, { issuer, keys }: Issuer): NodeJS.ProcessEnv {
  return { CREDENTIALS: 'impersonation', IDENTITY_JWT_ISSUER: issuer, IDENTITY_KEYS_FILE: keepFile(t, keys) }
}

/** A file of this content until the end of the test. */
export function keepFile (t: Test, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'qlik-gateway-'))
  t.teardown(() => { rmSync(folder, { recursive: true }) })
  writeFileSync(join(folder, 'file'), content)
  return join(folder, 'file')
}

/** A gateway before the sandbox, whose users somebody else names: by statements unless `options` say otherwise. The tenant knows Carol. */
export async function startOwnUsers (
  t: Test,
  { settings = {}, sandbox = {}, issuer: given, ...more }: GatewayOptions & { sandbox?: TenantOptions, issuer?: Issuer } = {}
): Promise<OwnUsers> {
  const issuer = given ?? createIssuer(more.clock)
  const named = more.options?.identify === undefined ? settingsOf(t, issuer) : {}
  const stage = await startGateway(t, {
    ...more,
    sandbox: { grantTypes: [impersonationGrant], ...sandbox },
    settings: { ...named, ...settings }
  })
  stage.tenant.controls.setUser(carol)
  return { ...stage, issuer, ...clientOf(stage.origin, issuer) }
}

/** What a browser does at a gateway of that origin. */
export function clientOf (origin: string, issuer: Issuer, publicUrl = origin): Pick<OwnUsers, 'assert' | 'enter' | 'ask'> {
  const assert: OwnUsers['assert'] = async (assertion, headers = {}) => await fetch(`${origin}/gateway/assertion`, {
    method: 'POST', headers: { 'content-type': 'application/json', origin: publicUrl, ...headers }, body: JSON.stringify({ assertion })
  })
  return {
    assert,
    async enter (subject = carol.subject) {
      const answer = await assert(await issuer.state(subject, publicUrl))
      if (answer.status !== 204) throw new Error(`The statement was answered with ${answer.status}: ${await answer.text()}`)
      return cookiesOf(answer)
    },
    ask: async (path, cookie, init = {}) => await fetch(origin + path, {
      ...init,
      headers: { accept: 'application/json', 'sec-fetch-site': 'same-origin', ...(cookie === undefined ? {} : { cookie }), ...init.headers }
    })
  }
}

/** The Cookie header that an answer leaves behind. */
export function cookiesOf ({ headers }: Response): string {
  return headers.getSetCookie().filter(line => !/max-age=0/i.test(line)).map(line => line.split(';', 1)[0]).join('; ')
}
