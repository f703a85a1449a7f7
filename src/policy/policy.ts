import type { ErrorCode } from '../errors.js'
import type { GatewayConfig } from '../options.js'
import type { PolicyRule } from '../signals.js'
import type { Access, Decision, Rule } from './access.js'
import { allowApps } from './apps.js'
import { readOnly } from './read-only.js'

/** What may be asked of one tenant, by whomever. */
export interface Policy {
  /** The first rule that refuses, and its error; undefined when all allow. */
  judge (access: Access): Refusal | undefined
}

export interface Refusal { rule: PolicyRule, code: ErrorCode }

/** The rules that the options of a tenant set; without any, everything is allowed. */
export function createPolicy (options: Pick<GatewayConfig, 'allowedApps' | 'readOnly'>): Policy {
  const rules: [PolicyRule, Rule][] = []
  if (options.readOnly) rules.push(['READ_ONLY', readOnly])
  if (options.allowedApps !== undefined) rules.push(['ALLOWED_APPS', allowApps(options.allowedApps)])
  return {
    judge (access) {
      for (const [rule, decide] of rules) {
        const decision: Decision = decide(access)
        if (decision !== 'allow') return { rule, code: decision }
      }
      return undefined
    }
  }
}
