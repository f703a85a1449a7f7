/**
 * The result of a check. `problem`: users will be affected. `warning`: they may be, or it could not be determined.
 * `skipped`: the check did not run.
 */
export type State = 'ok' | 'warning' | 'problem' | 'skipped'

/**
 * One line of the report: what was found and what it means, and what to do about it. It contains no secrets and no text
 * from other systems.
 */
export interface Finding { state: State, text: string, remedy?: string }

/** A finding with the name of its check. */
export interface Line extends Finding {
  check: string
  /** The tenant that it is about, if there are several. */
  tenant?: string | undefined
}

export const ok = (text: string): Finding => ({ state: 'ok', text })
export const skipped = (text: string): Finding => ({ state: 'skipped', text })
export const warning = (text: string, remedy: string): Finding => ({ state: 'warning', text, remedy })
export const problem = (text: string, remedy: string): Finding => ({ state: 'problem', text, remedy })

/** Ends a check with a finding, from any depth. */
export class Found extends Error {
  readonly finding: Finding

  constructor (finding: Finding) {
    super(finding.text)
    this.finding = finding
  }
}

const states: readonly State[] = ['problem', 'warning', 'skipped', 'ok']

/** The worst state of some lines, or `ok` without lines. */
export function worstOf (lines: readonly Finding[]): State {
  return states.find(state => lines.some(line => line.state === state)) ?? 'ok'
}

/** Renders the report for people. */
export function renderLines (lines: readonly Line[]): string {
  const labelOf = ({ tenant, check }: Line) => tenant === undefined ? check : `${tenant}: ${check}`
  const width = Math.max(...lines.map(line => labelOf(line).length))
  const rows = lines.flatMap(line => {
    const { state, text, remedy } = line
    return [
      `${state.padEnd(8)} ${labelOf(line).padEnd(width)}  ${text}`,
      ...(remedy === undefined ? [] : [`${' '.repeat(width + 11)}→ ${remedy}`])
    ]
  })
  const counts = ['ok', 'warning', 'problem', 'skipped'].map(state => `${lines.filter(line => line.state === state).length} ${state}`)
  return `${rows.join('\n')}\n\n${counts.join(', ')}\n`
}
