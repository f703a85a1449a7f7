import { version } from '../version.js'
import type { Command, CommandError, CommandIo } from './command.js'
import { serveCommand } from './serve.js'

// Each command is loaded when it is called, so that a server has none of the others in memory.
const commands: Record<string, () => Promise<Command>> = {
  serve: async () => serveCommand,
  keys: async () => (await import('./keys.js')).keysCommand,
  doctor: async () => (await import('./doctor/doctor.js')).doctorCommand,
  setup: async () => (await import('./setup/setup.js')).setupCommand
}

const usage = `${serveCommand.usage}
Other commands, each explained by its own --help:

  keys     makes session keys and rotates them
  doctor   examines a deployment
  setup    registers the gateway with a tenant, and Okta as its identity provider

  -h, --help     this text
  -v, --version  the version
`

const asksForHelp = (word: string) => word === '--help' || word === '-h'

/** Runs the command that these words of the command line call, and returns its exit status. */
export async function dispatch ([first = 'serve', ...words]: readonly string[], io: CommandIo): Promise<number> {
  if (asksForHelp(first) || (first === 'help' && words.length === 0)) io.out(usage)
  else if (['--version', '-v', 'version'].includes(first)) io.out(`${version}\n`)
  else if (first === 'help') return await run(String(words[0]), ['--help'], io)
  // Options without a command are those of `serve`.
  else if (first.startsWith('-')) return await run('serve', [first, ...words], io)
  else return await run(first, words, io)
  return 0
}

async function run (name: string, words: readonly string[], io: CommandIo): Promise<number> {
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
