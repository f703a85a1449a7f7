import type { RegisteredClient } from './clients.js'
import { refuseParameters } from './token-errors.js'

/** Throws a 400 unless at least one scope is requested and all are registered for the client. */
export function checkScope (scope: string, { scopes }: Pick<RegisteredClient, 'scopes'>): void {
  const foreign = scope.split(' ').filter(word => !scopes.includes(word))
  if (foreign.length > 0) throw refuseParameters(`The client has no scope "${foreign.join(' ')}".`, 'invalid_scope')
}
