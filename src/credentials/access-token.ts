import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { GatewayError } from '../errors.js'
import type { Credentials } from './credentials.js'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * An access token for the session of this request. This counts as use of the session unless `use` is false. Raises
     * what `Credentials` raise.
     */
    accessToken (options?: { use: boolean }): string | Promise<string>
    /** Another token than the one that the tenant has just refused; undefined if another would be no better. Raises the same errors. */
    replaceAccessToken (refused: string, isRepeated?: boolean): Promise<string | undefined>
  }
}

export interface AccessTokenOptions {
  /** The credentials of the tenant that a request is for. */
  credentialsOf: (request: FastifyRequest) => Credentials
}

/** Lets every request ask for the access token of its session. */
export const accessTokenPlugin = fp<AccessTokenOptions>(async (app, { credentialsOf }) => {
  app.decorateRequest('accessToken', function ({ use } = { use: true }) {
    const session = use ? this.qlikSession.use() : this.qlikSession.peek()
    if (session === undefined) throw new GatewayError('GW-NO-SESSION')
    return credentialsOf(this).accessToken(session, this)
  })

  app.decorateRequest('replaceAccessToken', async function (refused, isRepeated = true) {
    const session = this.qlikSession.use()
    return session === undefined ? undefined : await credentialsOf(this).replaceAccessToken(session, refused, this, isRepeated)
  })
}, { name: 'access-token', fastify: '5.x', decorators: { request: ['qlikSession', 'target'] }, dependencies: ['session'] })
