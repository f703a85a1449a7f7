import type { IncomingMessage } from 'node:http'
import { decodeJwt } from 'jose'
import { Refusal } from '../front/errors.js'
import { AssertionCheck, assertionType } from './client-assertion.js'
import type { AuthMethod, ClientRegistry, RegisteredClient } from './clients.js'
import { refuseParameters, unauthorized } from './token-errors.js'
import type { Parameters } from './token-parameters.js'

interface Claim { method: AuthMethod, clientId: string, secret?: string }

/** Authenticates the client of a token or revocation call (RFC 6749, section 2.3; RFC 7523). */
export class ClientAuthentication {
  readonly #clients: ClientRegistry
  readonly #assertions: AssertionCheck

  /** `tokenEndpoint` is the audience of assertions. */
  constructor (clients: ClientRegistry, tokenEndpoint: string) {
    this.#clients = clients
    this.#assertions = new AssertionCheck(tokenEndpoint)
  }

  /** Returns the client if its credentials are valid and of the registered method. Throws a Refusal. */
  async authenticate (req: IncomingMessage, parameters: Parameters): Promise<RegisteredClient> {
    const [claim, other] = listClaims(req, parameters)
    if (other !== undefined) throw refuseParameters('A client authenticates by one method at a time.')
    const clientId = claim?.clientId ?? parameters.client_id ?? ''
    const client = this.#clients.get(clientId)
    if (client === undefined) throw new Refusal(401, 'OAUTH-14', 'Invalid client_id', 'There is no such client.')
    const { client_id: named = clientId } = parameters
    if (named !== clientId) throw refuseParameters('client_id names another client.')
    if (claim === undefined) throw unauthorized('The client does not authenticate.')
    if (!client.authMethods.includes(claim.method)) throw unauthorized(`The client may not authenticate by ${claim.method}.`)
    if (claim.method === 'private_key_jwt') await this.#checkAssertion(parameters, client)
    else if (!this.#clients.accepts(clientId, claim.secret)) {
      throw new Refusal(401, 'OAUTH-22', 'Invalid client secret', 'The client has another secret.')
    }
    return client
  }

  async #checkAssertion (
    { client_assertion_type: type, client_assertion: assertion = '' }: Parameters,
    client: RegisteredClient
  ): Promise<void> {
    if (type !== assertionType) throw refuseParameters(`client_assertion_type must be ${assertionType}.`)
    await this.#assertions.verify(assertion, client)
  }
}

/** The client id in a call, before authentication. Empty if there is none. */
export function nameClient (req: IncomingMessage, parameters: Parameters): string {
  return listClaims(req, parameters)[0]?.clientId ?? parameters.client_id ?? ''
}

function listClaims (req: IncomingMessage, parameters: Parameters): Claim[] {
  const { client_id: clientId = '', client_secret: secret, client_assertion: assertion } = parameters
  return [
    ...readBasic(req),
    ...(secret === undefined ? [] : [{ method: 'client_secret_post' as const, clientId, secret }]),
    ...(assertion === undefined ? [] : [{ method: 'private_key_jwt' as const, clientId: readSubject(assertion) }])
  ]
}

// RFC 6749, section 2.3.1: id and secret are form-encoded before they are joined with a colon.
function readBasic ({ headers: { authorization = '' } }: IncomingMessage): Claim[] {
  const [scheme, value] = authorization.split(' ')
  if (scheme?.toLowerCase() !== 'basic' || !value) return []
  const [clientId = '', ...rest] = Buffer.from(value, 'base64').toString().split(':')
  const decode = (text: string): string => new URLSearchParams(`text=${text.replaceAll('&', '%26')}`).get('text') ?? ''
  return [{ method: 'client_secret_basic', clientId: decode(clientId), secret: decode(rest.join(':')) }]
}

function readSubject (assertion: string): string {
  try {
    return decodeJwt(assertion).sub ?? ''
  } catch {
    throw refuseParameters('client_assertion is no JWT.')
  }
}
