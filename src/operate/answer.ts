import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Target } from '../admission/target.js'
import { describeError, errorTable, GatewayError, type ErrorCode } from '../errors.js'
import { framedPageHeaders, pageHeaders, renderPage, signInPageHeaders, wantsPage, type Page } from '../pages.js'
import { textForPeople } from '../page-texts.js'
import { createSignals, type Signals } from '../signals.js'
import { tenantFailureOf } from '../tenants/tenant-error.js'
import { nameOf } from '../tenants/tenant.js'
import { describeFailure } from './log.js'

/**
 * Answers errors: people get a page, programs get JSON in the shape of Qlik's APIs, and a navigation without a session
 * is redirected to the login.
 */
export interface ErrorAnswerOptions {
  /** Where the gateway's own pages begin, for the tenant of a request. */
  homeOf: (request: FastifyRequest) => string
  signals?: Signals
}

export function createErrorAnswer ({ homeOf, signals = createSignals() }: ErrorAnswerOptions) {
  return (error: FastifyError | GatewayError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    // Fastify passes what is thrown here to the error handler of the host application.
    if (isOfHost(error, request)) throw error
    const code = codeOf(error)
    signals.emit('refused', code, request.routeFamily, ...tenantOf(request))
    request.refusal = { code, upstream: tenantFailureOf(error) }
    const failure = error instanceof GatewayError ? error.cause ?? error : error
    if (code === 'GW-INTERNAL') request.log.error(describeFailure(failure), 'the gateway failed')
    else request.log.debug({ code, failure: (error.cause as Error | undefined)?.message }, 'the request was refused')
    if (code === 'GW-NO-SESSION' && isNavigation(request)) {
      return reply.header('cache-control', 'no-store').redirect(
        `${homeOf(request)}login?returnto=${encodeURIComponent(request.raw.url as string)}`, 302
      )
    }
    const { retryAfterSeconds, beginAgainAt } = error as Partial<GatewayError>
    const home = homeOf(request)
    const signsIn = signInRoute.test(String(request.routeOptions.url))
    return answerError(
      code, request, reply, { retryAfterSeconds, home, signIn: signsIn ? { at: `${home}login`, returnTo: beginAgainAt } : undefined }
    )
  }
}

function tenantOf (request: FastifyRequest): [tenant?: string] {
  const name = nameOf(request)
  return name === undefined ? [] : [name]
}

const signInRoute = /\/login(?:\/callback)?$/

/** Whether a person navigates to an address. Browsers without fetch metadata are recognized by `Accept: text/html`. */
function isNavigation ({ method, headers }: FastifyRequest): boolean {
  const mode = headers['sec-fetch-mode']
  return method === 'GET' && (mode === undefined ? wantsPage(headers.accept) : mode === 'navigate')
}

export interface ErrorAnswerExtras {
  retryAfterSeconds?: number | undefined
  /** Where the button of an error page leads. */
  home: string
  /** The same for a failed sign-in: where the next one begins, and which page it is for. */
  signIn?: { at: string, returnTo: string | undefined } | undefined
}

/** Answers with an error of the table in src/errors.ts. */
export function answerError (
  code: ErrorCode, request: FastifyRequest, reply: FastifyReply, { retryAfterSeconds, home, signIn }: ErrorAnswerExtras
): FastifyReply {
  const { status, title } = errorTable[code]
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds))
  // Browsers show the status text in the console, and nothing else of an answer. HTTP/2 has no status text.
  if (code.startsWith('GW-POLICY')) reply.raw.statusMessage = `Refused by the gateway: ${code}`
  reply.code(status).header('cache-control', 'no-store').header('vary', 'Accept')
  if (!wantsPage(request.headers.accept)) {
    const body = JSON.stringify(describeError(code, request.id))
    return reply.type('application/json; charset=utf-8').header('x-content-type-options', 'nosniff').send(body)
  }
  const page: Page = {
    title,
    text: textForPeople(code),
    reference: `${code} ${request.id}`,
    action: { label: 'Go to the start page', href: home }
  }
  if (signIn === undefined) return reply.headers(pageHeaders).send(renderPage(page))
  const framed = code === 'GW-LOGIN-COOKIE-FRAME'
  const { at, returnTo } = signIn
  page.action = { label: 'Sign in again', href: at, query: returnTo === undefined ? {} : { returnto: returnTo }, newWindow: framed }
  return reply.headers(framed ? framedPageHeaders : signInPageHeaders).send(renderPage(page))
}

/**
 * Whether a hook of the host application raised the error: a hook that ran before the gateway saw the request, or a
 * later one that chose the status. The gateway's own errors are those of the table, and those of Fastify and
 * `@fastify/static` at its routes are known by their codes.
 */
function isOfHost (error: FastifyError | GatewayError, request: FastifyRequest): boolean {
  if (error instanceof GatewayError) return false
  const seen = request.target as Target | undefined
  return seen === undefined || (error.statusCode !== undefined && !/^FST_(?:ERR|STATIC)_/.test(error.code))
}

/** The gateway's error for one that Fastify or a plugin raised. */
function codeOf (error: FastifyError | GatewayError): ErrorCode {
  if (error instanceof GatewayError) return error.code
  const status = error.statusCode ?? 500
  if (status === 404) return 'GW-NOT-FOUND'
  if (status === 405) return 'GW-METHOD'
  return status >= 400 && status < 500 ? 'GW-BAD-REQUEST' : 'GW-INTERNAL'
}
