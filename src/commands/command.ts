import { parseArgs, type ParseArgsConfig } from 'node:util'

type Call<Options extends ParseArgsConfig['options']> = ReturnType<typeof parseArgs<{
  options: NonNullable<Options>
  allowPositionals: true
  strict: true
}>>

/** What a command reads and writes besides files and the network. */
export interface CommandIo {
  env: NodeJS.ProcessEnv
  /** Writes to standard output: what was asked for. */
  out: (text: string) => void
  /** Writes to standard error: what happened meanwhile. */
  err: (text: string) => void
}

/** One of the words after `qlik-embed-gateway`. */
export interface Command {
  /** What `--help` prints: the call, what it does, its options. */
  usage: string
  /** Runs to its end and returns the exit status. Raises CommandError. */
  run (words: readonly string[], io: CommandIo): Promise<number>
}

/** Why a command ends early. The message says what is wrong and what to do; the exit status is 2 when the call itself is wrong. */
export class CommandError extends Error {
  override name = 'CommandError'
  readonly status: number

  constructor (message: string, status = 2) {
    super(message)
    this.status = status
  }
}

/** Reads options and words of a call. Raises CommandError for an option that is unknown or lacks its value. */
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

/** Refuses words that the command has no use for. */
export function expectNoWords (words: readonly string[]): void {
  if (words[0] !== undefined) throw new CommandError(`"${words[0]}" is not expected here.`)
}
