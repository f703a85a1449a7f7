import { IncomingMessage, type ServerResponse } from 'node:http'
import { decodeJwt } from 'jose'
import type { Controls } from '../controls.js'
import { Refusal, sendRefusal } from '../front/errors.js'
import { pathOf } from '../front/names.js'
import { noteSecrets } from '../secrets.js'
import type { AuthorizationServer } from './authorization-server.js'
import type { Administrators } from './administrators.js'
import type { ClientRegistry } from './clients.js'
import type { TokenLedger } from './ledger.js'
import { shapeRevocationAnswer, shapeTokenAnswer } from './token-answers.js'
import { refuseOrigin } from './token-errors.js'
import { readParameters, type Parameters } from './token-parameters.js'
import type { UserDirectory } from './users.js'

/** The parts that judge a call of /oauth/token or /oauth/revoke. */
export interface TokenCallOptions {
  server: AuthorizationServer
  clients: ClientRegistry
  users: UserDirectory
  ledger: TokenLedger
  controls: Controls
  administrators: Administrators
}

type CallHandler = (req: IncomingMessage, res: ServerResponse) => Promise<void>

/** Answers token and revocation calls: Qlik's rules first, then oidc-provider, then Qlik's shape of the answer. */
export function createTokenCalls (options: TokenCallOptions): CallHandler {
  const { server, ledger, controls } = options
  const queues = new Map<string, Promise<void>>()

  server.provider.on('grant.error', (ctx, error) => { ctx.state.tokenError = error })
  server.provider.use(async (ctx, next) => {
    await next()
    if (ctx.path === '/oauth/token') shapeTokenAnswer(ctx, ledger, controls.settings)
    else if (ctx.path === '/oauth/revoke') shapeRevocationAnswer(ctx, ledger)
  })
  const callback = server.provider.callback()

  // The library looks a refresh token up, and consumes it some ticks later: two calls at once would both succeed.
  const inTurn = async (key: string, work: () => Promise<void>): Promise<void> => {
    const turn = (queues.get(key) ?? Promise.resolve()).then(work)
    const settled = turn.catch(() => {})
    queues.set(key, settled)
    await turn.finally(() => { if (queues.get(key) === settled) queues.delete(key) })
  }

  return async (req, res) => {
    try {
      const parameters = await readParameters(req)
      noteSecrets(parameters)
      const clientId = parameters.client_id ?? readBasicClient(req)
      controls.tokenRate.take(clientId, controls.settings.tokenCallsPerMinute)
      checkOrigin(req, clientId, options.clients)
      if (parameters.grant_type === 'client_credentials') {
        const body = JSON.stringify(options.administrators.grant(clientId, parameters.client_secret))
        res.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(body)
        return
      }
      if (pathOf(req) === '/oauth/token') await checkUser(parameters, options)
      else if (revokeAccessToken(parameters, clientId, options)) {
        res.writeHead(200, { 'cache-control': 'no-store', 'content-length': 0 }).end()
        return
      }
      await inTurn(parameters.refresh_token ?? '', async () => { await callback(asForm(req, parameters), res) })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      ledger.counts.refused++
      sendRefusal(res, error)
    }
  }
}

function readBasicClient (req: IncomingMessage): string {
  const [scheme, value] = (req.headers.authorization ?? '').split(' ')
  if (scheme?.toLowerCase() !== 'basic' || !value) return ''
  return decodeURIComponent(Buffer.from(value, 'base64').toString().split(':', 1)[0] ?? '')
}

function checkOrigin (req: IncomingMessage, clientId: string, clients: ClientRegistry): void {
  const { origin } = req.headers
  if (origin !== undefined && !clients.get(clientId)?.allowedOrigins.includes(origin)) throw refuseOrigin(origin)
}

async function checkUser (parameters: Parameters, { server, users, ledger, controls }: TokenCallOptions): Promise<void> {
  const { AuthorizationCode, RefreshToken } = server.provider
  const source = parameters.grant_type === 'refresh_token'
    ? await RefreshToken.find(parameters.refresh_token ?? '')
    : await AuthorizationCode.find(parameters.code ?? '')
  const userId = source?.accountId
  if (!userId) return
  if (users.isDisabled(userId)) throw new Refusal(403, 'OAUTH-9', 'Forbidden', 'The user is disabled.')
  const cap = controls.settings.maximalTokensPerUser
  if (cap > 0 && parameters.grant_type === 'authorization_code' && ledger.liveRefreshTokens(userId) >= cap) {
    throw new Refusal(403, 'OAUTH-10', 'Forbidden', `The user has reached the maximum number of tokens (${cap}).`)
  }
}

// oidc-provider stores no JWT and refuses to revoke one.
function revokeAccessToken ({ token, client_secret: secret }: Parameters, clientId: string, { clients, ledger }: TokenCallOptions): boolean {
  if (token?.split('.').length !== 3 || !clients.accepts(clientId, secret)) return false
  const { jti } = decodeJwt(token)
  if (jti && ledger.accessToken(jti)?.clientId === clientId) ledger.endAccessToken(jti)
  ledger.counts.revoke++
  return true
}

/** The call as oidc-provider reads it: a form, whatever it was before. */
function asForm (req: IncomingMessage, parameters: Parameters): IncomingMessage {
  const body = Buffer.from(new URLSearchParams(parameters).toString())
  const form = new IncomingMessage(req.socket)
  form.method = 'POST'
  form.url = pathOf(req)
  form.httpVersion = req.httpVersion
  form.headers = { ...req.headers, 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length) }
  delete form.headers['transfer-encoding']
  form.push(body)
  form.push(null)
  form.complete = true
  return form
}
