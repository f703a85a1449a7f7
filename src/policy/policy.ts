import type { ErrorCode } from '../errors.js'
import type { GatewayConfig } from '../settings/gateway-schema.js'
import type { PolicyRule } from '../signals.js'
import type { Access, Rule } from './access.js'
import { allowApi } from './api.js'
import { allowApps } from './apps.js'
import { readOnly } from './read-only.js'

/** What may be asked of one tenant, whoever asks. */
export interface Policy {
  /** The first rule that refuses, and its error; undefined if all rules allow the access. */
  judge (access: Access): Refusal | undefined
  /** What messages to the engine are checked for: that they only read and select (`view`), or concern the app of their socket. */
  engine: 'view' | 'own-app' | undefined
}

export interface Refusal { rule: PolicyRule, code: ErrorCode }

type PolicyOptions = Pick<GatewayConfig, 'allowedApps' | 'allowedApi' | 'readOnly' | 'engineMode'>

/** The policy that the options of a tenant describe. Without any of them everything is allowed. */
export function createPolicy ({ allowedApps, allowedApi, readOnly: isReadOnly, engineMode }: PolicyOptions): Policy {
  const rules: [PolicyRule, Rule][] = []
  if (isReadOnly) rules.push(['READ_ONLY', readOnly])
  if (allowedApps !== undefined) rules.push(['ALLOWED_APPS', allowApps(allowedApps)])
  if (allowedApi !== undefined) rules.push(['ALLOWED_API', allowApi(allowedApi)])
  return {
    judge (access) {
      for (const [rule, decide] of rules) {
        const decision = decide(access)
        if (decision !== 'allow') return { rule, code: decision }
      }
      return undefined
    },
    engine: isReadOnly || engineMode === 'view' ? 'view' : allowedApps === undefined ? undefined : 'own-app'
  }
}
