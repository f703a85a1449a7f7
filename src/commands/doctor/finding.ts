/** How a check ended. `problem`: users will meet it. `warning`: they may, or it could not be told. `skipped`: it was not made. */
export type State = 'ok' | 'warning' | 'problem' | 'skipped'

/**
 * One line of the report: what was found and what it means, and what to do where something is to be done. No secret, no
 * text from outside.
 */
export interface Finding { state: State, text: string, remedy?: string }

/** A finding with the name of its check. */
export interface Line extends Finding {
  check: string
  /** Whom it is about, of several tenants. */
  tenant?: string | undefined
}

export const ok = (text: string): Finding => ({ state: 'ok', text })
export const skipped = (text: string): Finding => ({ state: 'skipped', text })
export const warning = (text: string, remedy: string): Finding => ({ state: 'warning', text, remedy })
export const problem = (text: string, remedy: string): Finding => ({ state: 'problem', text, remedy })

/** A finding that ends a check from any depth. */
export class Found extends Error {
  readonly finding: Finding

  constructor (finding: Finding) {
    super(finding.text)
    this.finding = finding
  }
}

const states: readonly State[] = ['problem', 'warning', 'skipped', 'ok']

/** The worst of some lines; `ok` when there is none. */
export function worstOf (lines: readonly Finding[]): State {
  return states.find(state => lines.some(line => line.state === state)) ?? 'ok'
}

/** The report for people. */
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
