import type { FastifyBaseLogger } from 'fastify'

export interface LogLine { level: string, msg: string, [field: string]: unknown }

/** A log that remembers its lines. */
export function createLog (): { log: FastifyBaseLogger, lines: LogLine[], messages: () => string[] } {
  const lines: LogLine[] = []
  const write = (level: string) => (fields: object | string, msg?: string) => {
    lines.push(typeof fields === 'string' ? { level, msg: fields } : { level, msg: msg ?? '', ...fields })
  }
  const log = {
    level: 'trace',
    silent: () => {},
    child: () => log,
    ...Object.fromEntries(['fatal', 'error', 'warn', 'info', 'debug', 'trace'].map(level => [level, write(level)]))
  } as unknown as FastifyBaseLogger
  return { log, lines, messages: () => lines.map(({ msg }) => msg) }
}

/**
 * Waits until something holds. The limit ends a test that would never end.
 * It is far above what is expected, because a busy machine is no failure.
 */
export async function until (holds: () => unknown, limitMs = 60_000, pauseMs = 20): Promise<void> {
  const endsAt = Date.now() + limitMs
  while (!await holds()) {
    if (Date.now() > endsAt) throw new Error(`It did not hold within ${limitMs} ms: ${String(holds)}`)
    await new Promise(resolve => setTimeout(resolve, pauseMs))
  }
}

/**
 * Waits until a number stays the same through ten round trips of something else. What could still go on would do so
 * between them, however busy the machine is. The number must have an end.
 */
export async function untilStill (read: () => number, roundTrip: () => Promise<unknown>): Promise<void> {
  let before: number
  do {
    before = read()
    for (let trip = 0; trip < 10; trip++) await roundTrip()
  } while (read() !== before)
}
