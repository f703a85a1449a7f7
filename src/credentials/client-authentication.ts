import { randomUUID } from 'node:crypto'
import * as oauth from 'oauth4webapi'
import type { ClientKey } from './client-key.js'

/** What proves to the tenant that a call comes from its OAuth client: the client's secret, or a key and the id that it is registered under. */
export type ClientCredential = { secret: string } | { key: ClientKey, keyId: string }

/** How the client authenticates to the token and revocation endpoints (RFC 6749, section 2.3; RFC 7523). The credential may change at any time. */
export class ClientAuthentication {
  readonly #audience: string
  #credential: { inBody: oauth.ClientAuth, inHeader: oauth.ClientAuth }

  /** `audience`: the token endpoint, for which assertions are made. */
  constructor (credential: ClientCredential, audience: string) {
    this.#audience = audience
    this.#credential = this.#prepare(credential)
  }

  /** Takes another credential for all calls from now on. */
  replace (credential: ClientCredential): void {
    this.#credential = this.#prepare(credential)
  }

  readonly inBody: oauth.ClientAuth = async (...call) => { await this.#credential.inBody(...call) }
  /** Leaves the body to the parameters of the call, where the credential can be sent in a header: an assertion cannot. */
  readonly inHeader: oauth.ClientAuth = async (...call) => { await this.#credential.inHeader(...call) }

  #prepare (credential: ClientCredential): { inBody: oauth.ClientAuth, inHeader: oauth.ClientAuth } {
    if ('secret' in credential) return { inBody: oauth.ClientSecretPost(credential.secret), inHeader: oauth.ClientSecretBasic(credential.secret) }
    const { key, keyId } = credential
    const assertion = key.toSigningKey().then(signingKey => oauth.PrivateKeyJwt({ key: signingKey, kid: keyId }, {
      [oauth.modifyAssertion]: (_header, claims) => {
        // Qlik takes its token endpoint alone for an audience, and demands a UUID.
        claims.aud = this.#audience
        claims.jti = randomUUID()
      }
    }))
    const inBody: oauth.ClientAuth = async (...call) => { await (await assertion)(...call) }
    return { inBody, inHeader: inBody }
  }
}
