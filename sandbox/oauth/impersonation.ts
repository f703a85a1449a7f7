import { Refusal } from '../front/errors.js'
import type { Settings } from '../settings.js'
import type { AuthorizationServer } from './authorization-server.js'
import type { RegisteredClient } from './clients.js'
import type { TokenLedger } from './ledger.js'
import { checkScope } from './scopes.js'
import type { TokenAnswer } from './token-answers.js'
import { checkTokenCount } from './token-cap.js'
import { refuseParameters, refuseUser } from './token-errors.js'
import type { TokenCall } from './token-parameters.js'
import type { UserDirectory } from './users.js'

/** The parts that an impersonation uses. */
export interface ImpersonationOptions {
  server: AuthorizationServer
  users: UserDirectory
  ledger: TokenLedger
  settings: () => Settings
}

/** The grant `urn:qlik:oauth:user-impersonation`, for a client that has authenticated. Throws a Refusal. */
export type Impersonate = (client: RegisteredClient, call: TokenCall) => Promise<TokenAnswer>

/** Makes the grant. It checks the body first, then the client, then the user. */
export function createImpersonation ({ server, users, ledger, settings }: ImpersonationOptions): Impersonate {
  return async (client, { parameters, userLookup }) => {
    if (userLookup === undefined) throw refuseParameters('user_lookup is missing; the body must be JSON.')
    const { scope = '' } = parameters
    checkScope(scope, client)
    // There is nobody to ask for consent. The status 403 is a guess.
    if (client.consent !== 'trusted') throw refuseUser('CONSENT', 'The client is not trusted.')
    const { field, value } = userLookup
    const user = users.find(field === 'subject' ? 'subject' : 'id', value)
    if (user === undefined) {
      throw new Refusal(settings().unknownUserStatus, 'SANDBOX-OAUTH-USER', 'User not found', `No user has this ${field}.`)
    }
    if (users.isDisabled(user.id)) throw refuseUser('DISABLED', 'The user is disabled.')
    checkTokenCount(ledger, user.id, settings())
    const token = await server.issueAccessToken(user.id, client.clientId, scope)
    return { access_token: token, token_type: 'bearer', scope, expires_in: settings().accessTokenSeconds }
  }
}
