import { ok, problem, type Finding } from './finding.js'
import type { DoctorContext } from './context.js'

// 32 random bytes have about 30 different values. Fewer than 20 occur in about one of 10^13 keys.
const fewestDifferent = 20

/** Checks that the session keys look random. Their length is checked when the settings are read. */
export async function examineKeys ({ gateway: { sessionKeys } }: DoctorContext): Promise<Finding[]> {
  const findings: Finding[] = []
  const remedy = 'Make a new one: qlik-embed-gateway keys generate. Whoever guesses a key can forge any session.'
  for (const [index, key] of sessionKeys.entries()) {
    const place = `Key ${index + 1} of ${sessionKeys.length}`
    if (sessionKeys.findIndex(other => other.equals(key)) < index) {
      findings.push(problem(
      `${place} is there twice.`, 'Leave it out: what looks like a rotation was none.'
      ))
    } else if (isPattern(key)) findings.push(problem(`${place} follows a pattern.`, remedy))
    else if (key.every(byte => byte >= 32 && byte < 127)) findings.push(problem(`${place} is text, not random bytes.`, remedy))
  }
  return findings.length > 0
    ? findings
    : [
        ok(`${sessionKeys.length} ${sessionKeys.length === 1 ? 'key looks' : 'keys look'} random; the first seals.`)
      ]
}

function isPattern (key: Buffer): boolean {
  const steps = new Set(key.subarray(1).map((byte, index) => byte - (key[index] as number)))
  return steps.size === 1 || new Set(key).size < fewestDifferent
}
