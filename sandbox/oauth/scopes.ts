import type { RegisteredClient } from './clients.js'
import { refuseParameters } from './token-errors.js'

/** Throws a 400 unless scopes are asked for, all of them registered with the client. */
export function checkScope (scope: string, { scopes }: Pick<RegisteredClient, 'scopes'>): void {
  const foreign = scope.split(' ').filter(word => !scopes.includes(word))
  if (foreign.length > 0) throw refuseParameters(`The client has no scope "${foreign.join(' ')}".`, 'invalid_scope')
}
