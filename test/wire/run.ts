// Connections as nobody would write them, against a gateway and a tenant in this process. WIRE_SEED is the seed of the
// first client, and each client has the next one; WIRE_SEQUENCES says how many, WIRE_PROCESSES among how many processes
// they are divided. A client with a fault is run alone, made smaller, and shown with its seed.
import fc from 'fast-check'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runBatch } from './batch.js'
import { plans, type Plan } from './plan.js'

const { values } = parseArgs({ options: { seed: { type: 'string' }, sequences: { type: 'string' }, processes: { type: 'string' } } })
const firstSeed = Number(values.seed ?? process.env.WIRE_SEED ?? 1)
const sequences = Number(values.sequences ?? process.env.WIRE_SEQUENCES ?? 300)
const processes = Number(values.processes ?? process.env.WIRE_PROCESSES ?? 1)
const perGateway = 300
// While the clients of one gateway come to their end, and what they leave is looked at, those of the other run.
const gatewaysAtOnce = 2
const clientsAtOnce = 50
// What depends on time is seen again when a client is not alone.
const copies = 10

const planOf = (seed: number) => fc.sample(plans, { seed, numRuns: 1 })[0] as Plan
const property = fc.asyncProperty(plans, async plan => {
  const { faults } = await runBatch(Array.from({ length: copies }, () => plan))
  if (faults.length > 0) throw new Error(faults.map(({ fault }) => fault).join('\n'))
})

async function divide (): Promise<boolean> {
  const each = Math.ceil(sequences / processes)
  const statuses = await Promise.all(Array.from({ length: processes }, async (_, at) => {
    const words = [...process.execArgv, fileURLToPath(import.meta.url), `--seed=${firstSeed + at * each}`, '--processes=1']
    const child = spawn(process.execPath, [...words, `--sequences=${Math.min(each, sequences - at * each)}`], { stdio: 'inherit' })
    return (await once(child, 'close') as [number])[0]
  }))
  return statuses.every(status => status === 0)
}

async function run (): Promise<boolean> {
  const suspects: number[] = []
  let found = 0
  let answers = 0
  let next = 0
  await Promise.all(Array.from({ length: gatewaysAtOnce }, async () => {
    while (next < sequences) {
      const seeds = Array.from({ length: Math.min(perGateway, sequences - next) }, (_, at) => firstSeed + next + at)
      next += seeds.length
      const findings = await runBatch(seeds.map(planOf), clientsAtOnce)
      answers += findings.answers
      found += findings.faults.length
      for (const { client, fault } of findings.faults) {
        console.log(`${client === undefined ? `seeds ${seeds[0]} to ${seeds.at(-1)}` : `seed ${seeds[client]}`}: ${fault}`)
      }
      const known = new Set(findings.faults.map(({ client }) => client))
      if (known.delete(undefined) && known.size === 0) suspects.push(...await narrow(seeds))
      suspects.push(...seeds.filter((_, at) => known.has(at)))
    }
  }))
  await show(suspects)
  console.log(`${sequences} sequences from seed ${firstSeed}: ${answers} answers of the tenant, ${found} faults`)
  return found === 0
}

/** Of clients that left something behind which names none of them, those who do so alone. */
async function narrow (seeds: number[]): Promise<number[]> {
  if (seeds.length === 1) return seeds
  const middle = seeds.length >> 1
  const guilty: number[] = []
  for (const half of [seeds.slice(0, middle), seeds.slice(middle)]) {
    if ((await runBatch(half.map(planOf))).faults.length > 0) guilty.push(...await narrow(half))
  }
  return guilty
}

/** Makes three of the clients smaller. */
async function show (seeds: number[]): Promise<void> {
  let shown = 0
  for (const seed of seeds) {
    if (shown === 3) break
    const result = await fc.check(property, { seed, numRuns: 1, interruptAfterTimeLimit: 60_000 })
    if (result.counterexample === null) continue
    shown++
    console.log(`\nWIRE_SEED=${seed} WIRE_SEQUENCES=1, made smaller ${result.numShrinks} times: ${String(result.errorInstance)}`)
    console.log(fc.stringify(result.counterexample[0]))
  }
}

// A rejection that nobody took would count as an exception of the gateway, and the process would stay.
const isClean = await (processes > 1 ? divide() : run()).catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})
process.exitCode = isClean ? 0 : 1
