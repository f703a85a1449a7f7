import { fileURLToPath } from 'node:url'
import { bareNode } from './bare-node.js'

export type Command = [program: string, ...words: string[]]

/** The command as it is deployed. */
export const builtCommand: Command = [...bareNode, 'dist/cli.js']

/** The command as it was compiled with the tests: what its process runs through counts as covered. It starts in twice the time. */
export const measuredCommand: Command = [process.execPath, fileURLToPath(new URL('../../src/cli.js', import.meta.url))]
