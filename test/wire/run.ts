// Connections as nobody would write them, against a gateway and a tenant in this process. WIRE_SEED is the seed of the
// first client, and each client has the next one; WIRE_SEQUENCES says how many. A client with a fault is run alone,
// made smaller, and shown with its seed.
import fc from 'fast-check'
import { parseArgs } from 'node:util'
import { runBatch } from './batch.js'
import { plans, type Plan } from './plan.js'

const { values } = parseArgs({ options: { seed: { type: 'string' }, sequences: { type: 'string' } } })
const firstSeed = Number(values.seed ?? process.env.WIRE_SEED ?? 1)
const sequences = Number(values.sequences ?? process.env.WIRE_SEQUENCES ?? 300)
const perBatch = 100
const atOnce = 3

const planOf = (seed: number) => fc.sample(plans, { seed, numRuns: 1 })[0] as Plan
const property = fc.asyncProperty(plans, async plan => {
  const { faults } = await runBatch([plan])
  if (faults.length > 0) throw new Error(faults.map(({ fault }) => fault).join('\n'))
})

let found = 0
let answers = 0
let next = 0

async function runNext (): Promise<void> {
  while (next < sequences) {
    const seeds = Array.from({ length: Math.min(perBatch, sequences - next) }, (_, at) => firstSeed + next + at)
    next += seeds.length
    const findings = await runBatch(seeds.map(planOf))
    answers += findings.answers
    if (findings.faults.length === 0) continue
    const known = new Set(findings.faults.map(({ client }) => client))
    for (const { client, fault } of findings.faults) {
      console.log(`${client === undefined ? `seeds ${seeds[0]} to ${seeds.at(-1)}` : `seed ${seeds[client]}`}: ${fault}`)
    }
    found += findings.faults.length
    const named = seeds.filter((_, at) => known.has(at))
    suspects.push(...named.length > 0 ? named : seeds)
  }
}

const suspects: number[] = []
await Promise.all(Array.from({ length: atOnce }, runNext))

let shown = 0
for (const seed of suspects) {
  if (shown === 3) break
  const result = await fc.check(property, { seed, numRuns: 1, interruptAfterTimeLimit: 60_000 })
  if (result.counterexample === null) continue
  shown++
  console.log(`\nWIRE_SEED=${seed} WIRE_SEQUENCES=1, made smaller ${result.numShrinks} times: ${String(result.errorInstance)}`)
  console.log(fc.stringify(result.counterexample[0]))
}
console.log(`${sequences} sequences from seed ${firstSeed}: ${answers} answers of the tenant, ${found} faults`)
process.exitCode = found === 0 ? 0 : 1
