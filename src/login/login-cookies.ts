import type { FastifyReply } from 'fastify'
import { cookieBytes } from '../session/cookies.js'
import type { Signals } from '../signals.js'

/** Adds Set-Cookie lines of logins to an answer, which then must not be stored. */
export function keepCookies (reply: FastifyReply, signals: Signals, lines: readonly string[]): void {
  const bytes = cookieBytes(lines)
  if (bytes > 0) signals.emit('cookieSet', 'login', bytes)
  reply.header('set-cookie', lines).header('cache-control', 'no-store')
}
