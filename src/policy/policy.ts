import type { ErrorCode } from '../errors.js'
import type { GatewayConfig } from '../settings/gateway-schema.js'
import type { PolicyRule } from '../signals.js'
import type { Access, Rule } from './access.js'
import { allowApi } from './api.js'
import { allowApps } from './apps.js'
import { readOnly } from './read-only.js'

/** What may be asked of one tenant, by whomever. */
export interface Policy {
  /** The first rule that refuses, and its error; undefined when all allow. */
  judge (access: Access): Refusal | undefined
  /** What the engine's sockets are read for: that pages only `view`, or keep to the app of their socket; undefined where they are not read. */
  engine: 'view' | 'own-app' | undefined
}

export interface Refusal { rule: PolicyRule, code: ErrorCode }

/** The rules that the options of a tenant set; without any, everything is allowed. */
export function createPolicy ({ allowedApps, allowedApi, readOnly: isReadOnly, engineMode }: Pick<GatewayConfig, 'allowedApps' | 'allowedApi' | 'readOnly' | 'engineMode'>): Policy {
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
