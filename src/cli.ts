#!/usr/bin/env node
import module from 'node:module'
import { expectNoWords, readCall, type Command, type CommandError } from './commands/command.js'
import { version } from './version.js'

// Node 22 and later keep compiled code where there is a folder for temporary files: half of a start.
/* c8 ignore next: Node 20 does not have it. */
(module as { enableCompileCache?: () => unknown }).enableCompileCache?.()

const serveCommand: Command = {
  usage: `qlik-embed-gateway [serve]

Serves the gateway with the settings of the environment; docs/settings.md lists them.
A file of settings is read by Node itself: node --env-file=.env "$(command -v qlik-embed-gateway)"
`,
  async run (words, { env, err }) {
    expectNoWords(readCall(words, {}).positionals)
    const [{ ConfigError }, { readSettings }, { serve }] = await Promise.all([
      import('./settings/config.js'), import('./settings/config-file.js'), import('./serve.js')
    ])
    try {
      await serve(await readSettings(env))
      return 0
    } catch (error) {
      err(`${error instanceof ConfigError ? error.message : `The gateway cannot start: ${(error as Error).message}`}\n`)
      // Redis or the admin listener may be open already, and would keep a process running that serves nobody.
      process.exit(1)
    }
  }
}

// Each command is loaded when it is called, so that a server has none of the others in memory.
const commands: Record<string, () => Promise<Command>> = {
  serve: async () => serveCommand,
  keys: async () => (await import('./commands/keys.js')).keysCommand,
  doctor: async () => (await import('./commands/doctor/doctor.js')).doctorCommand,
  setup: async () => (await import('./commands/setup/setup.js')).setupCommand
}

const usage = `${serveCommand.usage}
Other commands, each explained by its own --help:

  keys     makes session keys and rotates them
  doctor   examines a deployment
  setup    registers the gateway with a tenant, and Okta as its identity provider

  -h, --help     this text
  -v, --version  the version
`

const [first = 'serve', ...words] = process.argv.slice(2)
const io = {
  env: process.env,
  out: (text: string) => { process.stdout.write(text) },
  err: (text: string) => { process.stderr.write(text) }
}

const asksForHelp = (word: string) => word === '--help' || word === '-h'

if (asksForHelp(first) || (first === 'help' && words.length === 0)) io.out(usage)
else if (['--version', '-v', 'version'].includes(first)) io.out(`${version}\n`)
else if (first === 'help') process.exitCode = await run(String(words[0]), ['--help'])
// Options without a command are those of `serve`.
else if (first.startsWith('-')) process.exitCode = await run('serve', [first, ...words])
else process.exitCode = await run(first, words)

async function run (name: string, words: readonly string[]): Promise<number> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (load === undefined) {
    io.err(`There is no command "${name}".\n\n${usage}`)
    return 2
  }
  const command = await load()
  if (words.some(asksForHelp)) {
    io.out(command.usage)
    return 0
  }
  try {
    return await command.run(words, io)
  } catch (error) {
    const { message, status = 1 } = error as Partial<CommandError>
    io.err(`${message}\n${status === 2 ? `Help: qlik-embed-gateway ${name} --help\n` : ''}`)
    return status
  }
}
