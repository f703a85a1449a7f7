import type { FastifyBaseLogger } from 'fastify'
import { followFile } from '../settings/follow-file.js'
import { gatewaySchema, type GatewayConfig } from '../settings/gateway-schema.js'
import type { Signals } from '../signals.js'
import type { ClientAuthentication, ClientCredential } from './client-authentication.js'
import { ClientKey } from './client-key.js'

/** The options that say how an OAuth client authenticates. */
export type ClientOptions = Pick<GatewayConfig, 'clientSecret' | 'clientSecretFile' | 'clientKey' | 'clientKeyFile' | 'clientKeyId'>

/** The credential in options that were checked: a key with its id, or a secret. */
export function credentialOf ({ clientSecret, clientKey, clientKeyId }: ClientOptions): ClientCredential {
  return clientKey === undefined ? { secret: String(clientSecret) } : { key: clientKey, keyId: String(clientKeyId ?? clientKey.id) }
}

/**
 * Follows the file of a secret or key, and uses its content for the next call. What is not valid is logged. Returns a
 * function that stops it.
 */
export function followClientFile (
  options: ClientOptions, authentication: ClientAuthentication, log: FastifyBaseLogger, signals: Signals
): () => void {
  const file = options.clientKeyFile ?? options.clientSecretFile
  if (file === undefined) return () => {}
  const read = file === options.clientKeyFile ? readKey : readSecret

  function take (content: string, first: boolean): void {
    authentication.replace(credentialOf({ ...options, ...read(content) }))
    if (!first) log.info({ file }, 'the credential of the OAuth client was replaced')
  }

  const refuse = (failure: string) => {
    log.error({ file, failure }, 'the credential of the OAuth client is refused: the one before it stays in use')
  }
  return followFile({ file, take, refuse, signals })
}

function readKey (content: string): Pick<ClientOptions, 'clientKey'> {
  return { clientKey: new ClientKey(content) }
}

function readSecret (content: string): Pick<ClientOptions, 'clientSecret'> {
  const { success, data } = gatewaySchema.shape.clientSecret.safeParse(content.trim())
  if (!success) throw new Error('is empty or holds white space')
  return { clientSecret: data }
}
