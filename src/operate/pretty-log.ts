import type { LogStream } from './log-stream.js'

interface PrettyPackage { prettyFactory: (options: object) => (line: string) => string }

// Not a literal type, so that the code compiles without the package.
const prettyPackage: string = 'pino-pretty'
const importPackage = async () => await import(prettyPackage) as PrettyPackage

/**
 * Writes lines that are easy to read. Raises an error that says what to install, because the package does not come with
 * the gateway.
 */
export async function createPrettyLog (output: LogStream, load: () => Promise<PrettyPackage> = importPackage): Promise<LogStream> {
  const { prettyFactory } = await load().catch((cause: unknown) => { throw new Error(missing, { cause }) })
  const format = prettyFactory({ colorize: process.stdout.isTTY, ignore: 'pid,hostname,audit', translateTime: 'SYS:HH:MM:ss.l' })
  const stream: LogStream = { write (line) { output.write(format(line)) } }
  output.onDropped = lines => { stream.onDropped?.(lines) }
  return stream
}

const missing = 'LOG_FORMAT is pretty, which needs the package pino-pretty: ' +
  'run npm install pino-pretty beside the gateway, or set it to json'
