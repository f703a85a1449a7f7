import { CommandError, expectNoWords, readCall, type Command } from '../command.js'
import { checks } from './checks.js'
import { examine } from './examine.js'
import { renderLines, worstOf } from './finding.js'

/** `doctor`: examines a deployment before and after it goes live. */
export const doctorCommand: Command = {
  usage: `qlik-embed-gateway doctor [--tenant name] [--json] [--offline] [--skip check]…

Examines a deployment with the settings of the environment, as the gateway would start with them: settings and keys, the tenant,
the OAuth client, the public URL as browsers reach it, and Redis. It needs no user and changes nothing. Each line is ok, a warning, a
problem or skipped; docs/doctor.md explains them. The exit status is 0, or 1 with a problem. With CONFIG_FILE it examines each tenant.

  --tenant   examines one of several tenants only
  --json     the lines as JSON
  --offline  asks nobody over the network
  --skip     leaves a check out; may be repeated

Checks: ${checks.map(({ name }) => name).join(', ')}
`,
  async run (words, { env, out }) {
    const { values, positionals } = readCall(
      words,
      { tenant: { type: 'string' }, json: { type: 'boolean' }, offline: { type: 'boolean' }, skip: { type: 'string', multiple: true } }
    )
    expectNoWords(positionals)
    const { tenant, json = false, offline = false, skip = [] } = values
    const unknown = skip.find(name => !checks.some(check => check.name === name))
    if (unknown !== undefined) {
      throw new CommandError(`There is no check "${unknown}". Checks: ${checks.map(({ name }) => name).join(', ')}`)
    }
    const lines = await examine(env, { offline, skip, tenant })
    const state = worstOf(lines.filter(line => line.state !== 'skipped'))
    out(json ? `${JSON.stringify({ state, checks: lines }, null, 2)}\n` : renderLines(lines))
    return state === 'problem' ? 1 : 0
  }
}
