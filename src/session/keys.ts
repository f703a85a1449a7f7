import type { FastifyBaseLogger } from 'fastify'
import { lazy } from '../lazy.js'
import { followFile } from '../settings/follow-file.js'
import { gatewaySchema } from '../settings/gateway-schema.js'
import { createSignals, type Signals } from '../signals.js'
import { createSeal, deriveKey, type Seal } from './seal.js'

/** The seal and the CSRF keys of one tenant, which are derived from the session keys and replaced together with them. */
export interface Keys {
  seal: Seal
  /** The keys of CSRF tokens. */
  csrfKeys: () => readonly Buffer[]
  replace (keys: readonly Buffer[]): void
}

/** Derives the keys of one tenant. `scope` names the tenant. */
export function createKeys (keys: readonly Buffer[], scope: string, signals = createSignals()): Keys {
  let csrfKeys = lazy(() => deriveCsrfKeys(keys, scope))
  let current = createSeal(keys, scope)
  signals.emit('keysLoaded', keys.length)
  return {
    seal: {
      seal: (purpose, value) => current.seal(purpose, value),
      open: (purpose, sealed) => current.open(purpose, sealed),
      forget: sealed => { current.forget(sealed) }
    },
    csrfKeys: () => csrfKeys(),
    replace (next) {
      current = createSeal(next, scope)
      csrfKeys = lazy(() => deriveCsrfKeys(next, scope))
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

/** Follows a file of keys and replaces the keys when it changes. A file that is not valid is logged once, and the keys stay as they are. */
export function followKeysFile ({ file, keys, log, signals, intervalMs }: KeysFileOptions): () => void {
  const refuse = (failure: string) => {
    log.error({ file, failure }, 'the file of session keys is refused: the keys before it stay in use')
  }

  function take (content: string, first: boolean): void {
    const parsed = gatewaySchema.shape.sessionKeys.safeParse(content.trim())
    if (!parsed.success) {
      refuse(String(parsed.error.issues[0]?.message))
      return
    }
    keys.replace(parsed.data)
    if (!first) log.info({ file, keys: parsed.data.length }, 'the session keys were replaced')
  }

  return followFile({ file, take, refuse, signals, intervalMs })
}
