import { parseArgs, type ParseArgsConfig } from 'node:util'

type Call<Options extends ParseArgsConfig['options']> = ReturnType<typeof parseArgs<{
  options: NonNullable<Options>
  allowPositionals: true
  strict: true
}>>

/** What a command reads and writes, apart from files and the network. */
export interface CommandIo {
  env: NodeJS.ProcessEnv
  /** Writes the result to standard output. */
  out: (text: string) => void
  /** Writes messages to standard error. */
  err: (text: string) => void
}

/** A command of `qlik-embed-gateway`. */
export interface Command {
  /** The text of `--help`: the call, what it does, and its options. */
  usage: string
  /** Runs the command and returns its exit status. Raises CommandError. */
  run (words: readonly string[], io: CommandIo): Promise<number>
}

/**
 * An error that ends a command. Its message says what is wrong and what to do. The exit status is 2 if the call itself
 * is wrong.
 */
export class CommandError extends Error {
  override name = 'CommandError'
  readonly status: number

  constructor (message: string, status = 2) {
    super(message)
    this.status = status
  }
}

/** Parses the options and arguments of a call. Raises CommandError for an unknown option or one without its value. */
export function readCall<Options extends ParseArgsConfig['options']> (
  words: readonly string[], options: NonNullable<Options>
): Call<Options> {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const option = /'(-[^' ]*)/.exec(message)?.[1]
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw new CommandError(`There is no option ${option} here.`)
    throw new CommandError(/not take an argument/.test(message)
      ? `The option ${option} takes no value.`
      : `The option ${option} needs a value.`)
  }
}

/** Raises CommandError if there are arguments, which the command does not take. */
export function expectNoWords (words: readonly string[]): void {
  if (words[0] !== undefined) throw new CommandError(`"${words[0]}" is not expected here.`)
}
