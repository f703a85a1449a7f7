import { ok, skipped, warning, type Finding } from './finding.js'
import type { DoctorContext } from './context.js'

/** Describes the configured policy, and those effects of it that may surprise users of Qlik's clients. */
export async function examinePolicy ({ gateway }: Pick<DoctorContext, 'gateway'>): Promise<Finding | Finding[]> {
  const { allowedApps, allowedApi, allowedUsers, allowedGroups, readOnly, engineMode } = gateway
  const rules = [
    allowedApps === undefined ? [] : `${allowedApps.length} apps`,
    allowedApi === undefined ? [] : `${allowedApi.length} entries of calls`,
    allowedUsers === undefined && allowedGroups === undefined
      ? []
      : `${allowedUsers?.length ?? 0} users and ${allowedGroups?.length ?? 0} groups may sign in`,
    readOnly ? 'nothing is changed' : [],
    readOnly || engineMode === 'view' ? 'the engine is read and selected in' : []
  ].flat()
  if (rules.length === 0) return skipped('No policy is set: users may do here what the tenant lets them do.')
  if (allowedApi?.includes('embed') === false) {
    return warning(
      'ALLOWED_API has no entry embed, so components of Qlik\'s clients that ask for more than these calls stay empty.',
      'Add embed, or leave it as it is where pages use none of them.'
    )
  }
  return ok(`The policy: ${rules.join(', ')}.`)
}
