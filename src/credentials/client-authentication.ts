import { randomUUID } from 'node:crypto'
import * as oauth from 'oauth4webapi'
import type { ClientKey } from './client-key.js'

/** The credential of an OAuth client: a secret, or a private key with the id under which it is registered. */
export type ClientCredential = { secret: string } | { key: ClientKey, keyId: string }

/**
 * Authenticates the client to the token and revocation endpoints (RFC 6749, section 2.3; RFC 7523). The credential can
 * be replaced at any time.
 */
export class ClientAuthentication {
  readonly #audience: string
  #credential: { inBody: oauth.ClientAuth, inHeader: oauth.ClientAuth }

  /** `audience` is that of assertions: the token endpoint. */
  constructor (credential: ClientCredential, audience: string) {
    this.#audience = audience
    this.#credential = this.#prepare(credential)
  }

  /** Uses another credential from now on. */
  replace (credential: ClientCredential): void {
    this.#credential = this.#prepare(credential)
  }

  readonly inBody: oauth.ClientAuth = async (...call) => { await this.#credential.inBody(...call) }
  /** Sends a secret in a header (Basic). An assertion goes into the body all the same. */
  readonly inHeader: oauth.ClientAuth = async (...call) => { await this.#credential.inHeader(...call) }

  #prepare (credential: ClientCredential): { inBody: oauth.ClientAuth, inHeader: oauth.ClientAuth } {
    if ('secret' in credential) {
      return { inBody: oauth.ClientSecretPost(credential.secret), inHeader: oauth.ClientSecretBasic(credential.secret) }
    }
    const { key, keyId } = credential
    const assertion = key.toSigningKey().then(signingKey => oauth.PrivateKeyJwt({ key: signingKey, kid: keyId }, {
      [oauth.modifyAssertion]: (_header, claims) => {
        // Qlik accepts no other audience than its token endpoint, and demands a UUID as `jti`.
        claims.aud = this.#audience
        claims.jti = randomUUID()
      }
    }))
    const inBody: oauth.ClientAuth = async (...call) => { await (await assertion)(...call) }
    return { inBody, inHeader: inBody }
  }
}
