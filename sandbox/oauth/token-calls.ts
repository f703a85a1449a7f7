import { IncomingMessage, type ServerResponse } from 'node:http'
import { decodeJwt } from 'jose'
import type { Controls } from '../controls.js'
import { Refusal, sendRefusal } from '../front/errors.js'
import { applyFault } from '../front/faults.js'
import { pathOf, type Names } from '../front/names.js'
import { noteSecrets } from '../secrets.js'
import type { AuthorizationServer } from './authorization-server.js'
import type { Administrators } from './administrators.js'
import { ClientAuthentication, nameClient } from './client-authentication.js'
import { grantTypes, impersonationGrant, type ClientRegistry, type RegisteredClient } from './clients.js'
import { createImpersonation } from './impersonation.js'
import type { TokenLedger } from './ledger.js'
import { shapeRevocationAnswer, shapeTokenAnswer, tellExpiry, type TokenAnswer } from './token-answers.js'
import { checkTokenCount } from './token-cap.js'
import { refuseOrigin, refuseParameters, refuseUser } from './token-errors.js'
import { readTokenCall, type Parameters, type TokenCall } from './token-parameters.js'
import type { UserDirectory } from './users.js'

/** The parts that check calls of /oauth/token and /oauth/revoke. */
export interface TokenCallOptions {
  names: Names
  server: AuthorizationServer
  clients: ClientRegistry
  users: UserDirectory
  ledger: TokenLedger
  controls: Controls
  administrators: Administrators
}

type CallHandler = (req: IncomingMessage, res: ServerResponse) => Promise<void>

/**
 * Answers token and revocation calls: Qlik's rules apply first, then oidc-provider, and the response gets Qlik's
 * format.
 */
export function createTokenCalls (options: TokenCallOptions): CallHandler {
  const { names, server, clients, ledger, controls, administrators } = options
  const authentication = new ClientAuthentication(clients, `${names.origin}/oauth/token`)
  const impersonate = createImpersonation({ ...options, settings: () => controls.settings })
  const queues = new Map<string, Promise<void>>()

  server.provider.on('grant.error', (ctx, error) => { ctx.state.tokenError = error })
  server.provider.use(async (ctx, next) => {
    await next()
    if (ctx.path === '/oauth/token') shapeTokenAnswer(ctx, ledger, controls.settings)
    else if (ctx.path === '/oauth/revoke') shapeRevocationAnswer(ctx, ledger)
  })
  const callback = server.provider.callback()

  // oidc-provider looks a refresh token up and consumes it some ticks later, so two simultaneous calls would both
  // succeed.
  const inTurn = async (key: string, work: () => Promise<void>): Promise<void> => {
    const turn = (queues.get(key) ?? Promise.resolve()).then(work)
    const settled = turn.catch(() => {})
    queues.set(key, settled)
    await turn.finally(() => { if (queues.get(key) === settled) queues.delete(key) })
  }

  /** Answers a grant that oidc-provider does not support. */
  const grantDirectly = async (client: RegisteredClient, call: TokenCall): Promise<TokenAnswer | undefined> => {
    switch (call.parameters.grant_type) {
      case 'client_credentials': return administrators.grant(client, call.parameters.scope, controls.settings.accessTokenSeconds)
      case impersonationGrant: return await impersonate(client, call)
      default:
        return undefined
    }
  }

  const answerToken = async (req: IncomingMessage, res: ServerResponse, call: TokenCall): Promise<void> => {
    const { parameters } = call
    const client = await authentication.authenticate(req, parameters)
    checkGrantType(client, parameters.grant_type)
    const answer = await grantDirectly(client, call)
    if (answer === undefined) {
      await checkUser(parameters, options)
      await inTurn(parameters.refresh_token ?? '', async () => { await callback(asForm(req, parameters, client), res) })
      return
    }
    ledger.counts[parameters.grant_type === impersonationGrant ? 'impersonation' : 'client_credentials']++
    noteSecrets(answer)
    const body = JSON.stringify(tellExpiry(answer, controls.settings))
    res.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(body)
  }

  const answerRevocation = async (req: IncomingMessage, res: ServerResponse, { parameters }: TokenCall): Promise<void> => {
    checkRevocationFields(parameters, controls.settings.revocationFields)
    const client = await authentication.authenticate(req, parameters)
    if (revokeAccessToken(parameters, client, options)) res.writeHead(200, { 'cache-control': 'no-store', 'content-length': 0 }).end()
    else await callback(asForm(req, parameters, client), res)
  }

  return async (req, res) => {
    try {
      const call = await readTokenCall(req)
      const { parameters } = call
      noteSecrets(parameters)
      const clientId = nameClient(req, parameters)
      controls.tokenRate.take(clientId, controls.settings.tokenCallsPerMinute)
      checkOrigin(req, clientId, clients)
      const fault = controls.faults.take(req, parameters.grant_type)
      if (fault && await applyFault(fault, req, res)) return
      await (pathOf(req) === '/oauth/token' ? answerToken : answerRevocation)(req, res, call)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      ledger.counts.refused++
      sendRefusal(res, error)
    }
  }
}

function checkOrigin (req: IncomingMessage, clientId: string, clients: ClientRegistry): void {
  const { origin } = req.headers
  if (origin !== undefined && !clients.get(clientId)?.allowedOrigins.includes(origin)) throw refuseOrigin(origin)
}

function checkGrantType (client: RegisteredClient, grantType = ''): void {
  const known = grantTypes.find(name => name === grantType)
  if (known === undefined) throw refuseParameters(`There is no grant type "${grantType}".`, 'unsupported_grant_type')
  if (!client.grantTypes.includes(known)) throw refuseParameters(`The client may not use ${grantType}.`, 'unauthorized_client')
}

const revocationFields = { credentials: ['token', 'client_id', 'client_secret'], hint: ['token', 'token_type_hint'] }

function checkRevocationFields (parameters: Parameters, allowed: 'any' | keyof typeof revocationFields): void {
  if (allowed === 'any') return
  const foreign = Object.keys(parameters).filter(name => !revocationFields[allowed].includes(name))
  if (foreign.length > 0) throw refuseParameters(`A revocation takes no ${foreign.join(', ')}.`)
}

async function checkUser (parameters: Parameters, { server, users, ledger, controls }: TokenCallOptions): Promise<void> {
  const { AuthorizationCode, RefreshToken } = server.provider
  const source = parameters.grant_type === 'refresh_token'
    ? await RefreshToken.find(parameters.refresh_token ?? '')
    : await AuthorizationCode.find(parameters.code ?? '')
  const userId = source?.accountId
  if (!userId) return
  if (users.isDisabled(userId)) throw refuseUser('DISABLED', 'The user is disabled.')
  if (parameters.grant_type === 'authorization_code') checkTokenCount(ledger, userId, controls.settings)
}

/**
 * Ends the grant of an access token. Returns false if the token is none. oidc-provider stores no JWTs and refuses to
 * revoke them.
 */
function revokeAccessToken ({ token }: Parameters, { clientId }: RegisteredClient, { server, ledger }: TokenCallOptions): boolean {
  if (token?.split('.').length !== 3) return false
  const { jti } = decodeJwt(token)
  const record = ledger.accessToken(jti ?? '')
  if (record?.clientId === clientId) server.endGrant(record.grantId)
  ledger.counts.revoke++
  return true
}

/** Converts the call to a form, as oidc-provider expects it, from a client that has authenticated. */
function asForm (req: IncomingMessage, parameters: Parameters, { clientId, clientSecret }: RegisteredClient): IncomingMessage {
  const { client_assertion: _assertion, client_assertion_type: _type, ...rest } = parameters
  const body = Buffer.from(new URLSearchParams({ ...rest, client_id: clientId, client_secret: clientSecret }).toString())
  const form = new IncomingMessage(req.socket)
  form.method = 'POST'
  form.url = pathOf(req)
  form.httpVersion = req.httpVersion
  form.headers = { ...req.headers, 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length) }
  delete form.headers['transfer-encoding']
  delete form.headers.authorization
  form.push(body)
  form.push(null)
  form.complete = true
  return form
}
