#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { ConfigError, readConfig } from './config.js'
import { serve } from './serve.js'

const usage = `qlik-embed-gateway [serve]

Serves the gateway with the settings of the environment; README.md lists them.
A file of settings is read by Node itself: node --env-file=.env "$(command -v qlik-embed-gateway)"

  --help     this text
  --version  the version
`

const [command = 'serve'] = process.argv.slice(2)

switch (command) {
  case 'serve':
    await run()
    break
  case '--help':
    process.stdout.write(usage)
    break
  case '--version':
    process.stdout.write(`${(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version}\n`)
    break
  default:
    process.stderr.write(`There is no command "${command}".\n\n${usage}`)
    process.exitCode = 2
}

async function run (): Promise<void> {
  try {
    await serve(readConfig(process.env))
  } catch (error) {
    process.stderr.write(`${error instanceof ConfigError ? error.message : `The gateway cannot start: ${(error as Error).message}`}\n`)
    process.exitCode = 1
  }
}
