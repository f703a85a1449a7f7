import { z } from 'zod'
import { readVariable } from '../../settings/environment.js'
import { CommandError } from '../command.js'

/** A secret or another value without white space. */
export const word = z.string({ error: 'is required' }).regex(/^[\u0021-\u007e]+$/, { error: 'is empty or holds white space' })

/**
 * Reads environment variables by a schema. The value of a variable may come from a file that is named by the variable
 * with the suffix _FILE: everybody on the machine can read command-line arguments. Raises one CommandError that lists
 * all errors.
 */
export function readEnvironment<Shape extends z.ZodRawShape> (
  env: NodeJS.ProcessEnv, schema: z.ZodObject<Shape>
): z.output<z.ZodObject<Shape>> {
  const faults: string[] = []
  const values = Object.fromEntries(Object.keys(schema.shape).map(name => [name, readVariable(env, name, faults, `${name}_FILE`)]))
  const parsed = schema.safeParse(values)
  for (const { path, message } of parsed.error?.issues ?? []) {
    if (!faults.some(fault => fault.startsWith(path.join('.')))) faults.push(`${path.join('.')} ${message}`)
  }
  if (!parsed.success || faults.length > 0) {
    throw new CommandError(`The environment lacks something:\n${faults.map(fault => `  - ${fault}`).join('\n')}`)
  }
  return parsed.data
}
