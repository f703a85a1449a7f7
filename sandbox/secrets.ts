import { appendFileSync } from 'node:fs'

/** Values that must not appear in the output of a gateway. */
export const secretKinds = [
  'access_token', 'refresh_token', 'code', 'code_verifier', 'state', 'client_secret', 'client_assertion',
  'session_key', 'cookie', 'csrf_token', 'handover_code', 'held_proof', 'ticket', 'statement'
] as const

export type Secrets = { [kind in typeof secretKinds[number]]?: unknown }

const folder = process.env.RUN_RECORD
const noted = new Set<string>()

/**
 * Writes the secrets among `fields` to the record of the test run, in the folder RUN_RECORD. Other fields are ignored.
 * Without that variable it does nothing.
 */
export function noteSecrets (fields: Secrets): void {
  if (folder === undefined) return
  for (const kind of secretKinds) {
    const value = fields[kind]
    if (typeof value !== 'string' || noted.has(value)) continue
    noted.add(value)
    appendFileSync(`${folder}/secrets-${process.pid}.jsonl`, `${JSON.stringify([kind, value])}\n`)
  }
}
