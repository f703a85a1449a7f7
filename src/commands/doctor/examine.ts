import type { Config } from '../../settings/config.js'
import { nameAsInFile } from '../../settings/environment.js'
import { configFileVariable } from '../../settings/variables.js'
import { CommandError } from '../command.js'
import { checks, type Check } from './checks.js'
import { codeOf } from './failure.js'
import { Found, problem, skipped, worstOf, type Finding, type Line } from './finding.js'
import { createDoctorContext, type DoctorContext, type DoctorContextOptions } from './context.js'
import { examineSettings } from './settings.js'
import { examineVersions } from './versions.js'

export interface ExamineOptions extends DoctorContextOptions {
  /** Do not use the network. */
  offline?: boolean
  /** Names of checks to leave out. */
  skip?: readonly string[]
  /** Examine only this one of several tenants. Raises CommandError if there is no tenant of this name. */
  tenant?: string | undefined
}

/**
 * Examines a deployment by its environment, one tenant after the other. Every check yields at least one line, in the
 * order of the table. Settings have the names that they have where they are written.
 */
export async function examine (env: NodeJS.ProcessEnv, options: ExamineOptions = {}): Promise<Line[]> {
  const lines = await examineAll(env, options)
  if (!env[configFileVariable]) return lines
  const rename = (text: string) => nameAsInFile(text, env)
  return lines.map(({ text, remedy, ...line }) => ({
    ...line, text: rename(text), ...remedy === undefined ? {} : { remedy: rename(remedy) }
  }))
}

async function examineAll (env: NodeJS.ProcessEnv, options: ExamineOptions): Promise<Line[]> {
  const { configs, findings } = await examineSettings(env)
  const lines = [...linesOf('versions', examineVersions()), ...linesOf('settings', findings)]
  if (configs.length === 0) return [...lines, ...checks.flatMap(({ name }) => linesOf(name, skipped('The settings have faults.')))]
  const examined = chooseTenants(configs, options.tenant)
  for (const config of examined) {
    const { name: tenant } = config.gateway
    const table = config === examined[0] ? checks : checks.filter(({ ofProcess }) => ofProcess !== true)
    const context = createDoctorContext(config, options)
    try {
      const found = await runChecks(table, context, options)
      lines.push(...found.map(line => isOfProcess(line) || tenant === undefined ? line : { tenant, ...line }))
    } finally {
      await context.close()
    }
  }
  return lines
}

function chooseTenants (configs: readonly Config[], wanted: string | undefined): readonly Config[] {
  if (wanted === undefined) return configs
  const names = configs.flatMap(({ gateway }) => gateway.name ?? [])
  if (names.length === 0) throw new CommandError('--tenant chooses one of several tenants, which CONFIG_FILE lists; it is not set.')
  if (!names.includes(wanted)) throw new CommandError(`There is no tenant "${wanted}". Tenants: ${names.join(', ')}`)
  return configs.filter(({ gateway }) => gateway.name === wanted)
}

function isOfProcess ({ check }: Line): boolean {
  return checks.some(({ name, ofProcess }) => name === check && ofProcess === true)
}

/** Runs the checks of a table one after the other. */
export async function runChecks (
  table: readonly Check[], context: DoctorContext, { offline = false, skip = [] }: ExamineOptions
): Promise<Line[]> {
  const lines: Line[] = []
  for (const check of table) {
    const before = worstOf(lines.filter(line => line.check === check.after))
    if (skip.includes(check.name)) lines.push(...linesOf(check.name, skipped('Left out, as asked.')))
    else if (offline && check.network === true) lines.push(...linesOf(check.name, skipped('Offline, as asked.')))
    else if (before === 'problem' || before === 'skipped') lines.push(...linesOf(check.name, skipped(`Needs ${check.after}.`)))
    else lines.push(...linesOf(check.name, await run(check, context)))
  }
  return lines
}

async function run (check: Check, context: DoctorContext): Promise<Finding | Finding[]> {
  try {
    return await check.examine(context)
  } catch (error) {
    if (error instanceof Found) return error.finding
    return problem(`The check itself failed (${codeOf(error)}).`, 'This is a fault of the command: report it.')
  }
}

function linesOf (check: string, findings: Finding | Finding[]): Line[] {
  return [findings].flat().map(finding => ({ check, ...finding }))
}
