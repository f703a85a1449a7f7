#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { ConfigError, readConfig } from './config.js'
import { runKeysCommand, type KeysCommandError } from './keys-command.js'
import { serve } from './serve.js'

const usage = `qlik-embed-gateway [serve]

Serves the gateway with the settings of the environment; docs/settings.md lists them.
A file of settings is read by Node itself: node --env-file=.env "$(command -v qlik-embed-gateway)"

qlik-embed-gateway keys generate [file]

Prints a new session key, or writes it to a file that is not there yet.

qlik-embed-gateway keys rotate file [how many keys to keep]

Puts a new key before those of the file and keeps three, unless told otherwise. A gateway
with SESSION_KEYS_FILE takes it over without a restart.

  --help     this text
  --version  the version
`

const [command = 'serve', ...more] = process.argv.slice(2)

switch (command) {
  case 'serve':
    await run()
    break
  case 'keys':
    manageKeys()
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

function manageKeys (): void {
  try {
    process.stdout.write(`${runKeysCommand(more)}\n`)
  } catch (error) {
    process.stderr.write(`${(error as KeysCommandError).message}\n`)
    process.exitCode = 2
  }
}
