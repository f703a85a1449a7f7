import type { FastifyBaseLogger } from 'fastify'
import { readFile } from 'node:fs/promises'
import { gatewaySchema } from '../options.js'
import { createSignals } from '../signals.js'
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
  /** How often the file is read; every two seconds unless set. */
  intervalMs?: number
}

/**
 * Takes over the keys of a file whenever its content changes; a file that is none is refused, once in the log, and the old keys stay.
 * It is read rather than watched: Kubernetes swaps links in a folder above, of which the file itself tells nothing. Returns what stops it.
 */
export function followKeysFile ({ file, keys, log, intervalMs = 2_000 }: KeysFileOptions): () => void {
  let seen: string | undefined

  async function look (): Promise<void> {
    const first = seen === undefined
    const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => `cannot be read (${error.code})`)
    if (content === seen) return
    seen = content
    const parsed = gatewaySchema.shape.sessionKeys.safeParse(content.trim())
    if (!parsed.success) {
      log.error({ file, failure: parsed.error.issues[0]?.message }, 'the file of session keys is refused: the keys before it stay in use')
      return
    }
    await keys.replace(parsed.data)
    if (!first) log.info({ file, keys: parsed.data.length }, 'the session keys were replaced')
  }

  const timer = setInterval(() => {
    look().catch((error: Error) => { log.error({ file, failure: error.message }, 'the session keys were not replaced') })
  }, intervalMs).unref()
  return () => { clearInterval(timer) }
}
