import { fileURLToPath } from 'node:url'

/** The command line as it was compiled with the tests, so that what a process of it runs through counts as covered. */
export const cliFile = fileURLToPath(new URL('../../src/cli.js', import.meta.url))
