import type { FastifyBaseLogger } from 'fastify'
import { followFile } from '../settings/follow-file.js'
import { gatewaySchema } from '../settings/gateway-schema.js'
import { createSignals, type Signals } from '../signals.js'
import { createSeal, deriveKey, type Seal } from './seal.js'

/** What the session keys are used for, replaced as one when the keys are. */
export interface Keys {
  seal: Seal
  /** The keys of CSRF tokens: always the same array, whose content changes. */
  csrfKeys: readonly Buffer[]
  replace (keys: readonly Buffer[]): Promise<void>
}

/** The keys for one tenant, whom `scope` names. */
export async function createKeys (keys: readonly Buffer[], scope: string, signals = createSignals()): Promise<Keys> {
  const csrfKeys = deriveCsrfKeys(keys, scope)
  let current = await createSeal(keys, scope)
  signals.emit('keysLoaded', keys.length)
  return {
    seal: {
      seal: (purpose, value) => current.seal(purpose, value),
      open: (purpose, sealed) => current.open(purpose, sealed),
      forget: sealed => { current.forget(sealed) }
    },
    csrfKeys,
    async replace (next) {
      current = await createSeal(next, scope)
      csrfKeys.splice(0, csrfKeys.length, ...deriveCsrfKeys(next, scope))
      signals.emit('keysLoaded', next.length)
    }
  }
}

function deriveCsrfKeys (keys: readonly Buffer[], scope: string): Buffer[] {
  return keys.map(key => deriveKey(key, 'csrf', scope))
}

export interface KeysFileOptions {
  file: string
  keys: Pick<Keys, 'replace'>
  log: FastifyBaseLogger
  signals: Signals
  intervalMs?: number
}

/** Takes over the keys of a file whenever its content changes; a file that is none is refused, once in the log, and the old keys stay. */
export function followKeysFile ({ file, keys, log, signals, intervalMs }: KeysFileOptions): () => void {
  const refuse = (failure: string) => { log.error({ file, failure }, 'the file of session keys is refused: the keys before it stay in use') }

  async function take (content: string, first: boolean): Promise<void> {
    const parsed = gatewaySchema.shape.sessionKeys.safeParse(content.trim())
    if (!parsed.success) {
      refuse(String(parsed.error.issues[0]?.message))
      return
    }
    await keys.replace(parsed.data)
    if (!first) log.info({ file, keys: parsed.data.length }, 'the session keys were replaced')
  }

  return followFile({ file, take, refuse, signals, intervalMs })
}
