import { ClientMessages, FrameFault } from './client-messages.js'
import { judgeMessage, type EngineRule, type EngineRules } from './rules.js'

/** What is done with bytes of the browser. */
export interface Guarded {
  /** What is forwarded, byte for byte. */
  toTenant: Buffer[]
  /** Frames that answer refused messages. They must be sent between two messages of the tenant. */
  toBrowser: Buffer[]
  /** Why the WebSocket must be closed. */
  end?: { code: number, reason: string }
}

/** Stands between a browser and the engine. It forwards exactly those bytes that it has read and judged. */
export class EngineGuard {
  readonly #messages = new ClientMessages()
  readonly #rules: EngineRules
  readonly #denied: (rule: EngineRule, method: string) => void
  #closed = false

  /** `denied` is called for each message that is refused. */
  constructor (rules: EngineRules, denied: (rule: EngineRule, method: string) => void) {
    this.#rules = rules
    this.#denied = denied
  }

  push (chunk: Buffer): Guarded {
    const guarded: Guarded = { toTenant: [], toBrowser: [] }
    try {
      // What follows a close frame is ignored (RFC 6455, section 5.5.1).
      if (!this.#closed) for (const part of this.#messages.push(chunk)) this.#judge(part, guarded)
    } catch (error) {
      if (!(error instanceof FrameFault)) throw error
      this.#closed = true
      guarded.end = { code: error.closeCode, reason: error.message }
    }
    return guarded
  }

  #judge (part: ReturnType<ClientMessages['push']>[number], guarded: Guarded): void {
    if (this.#closed) return
    if (part.kind === 'control') {
      this.#closed = part.isClose
      pass(guarded.toTenant, part.bytes)
      return
    }
    const verdict = judgeMessage(part.message, this.#rules)
    if (verdict.passes) {
      pass(guarded.toTenant, part.bytes)
      return
    }
    this.#denied(verdict.rule, verdict.method)
    guarded.toBrowser.push(errorFrame(verdict.id, verdict.method, verdict.rule))
  }
}

/** Adds bytes to what is forwarded. What came in one piece leaves in one. */
function pass (passed: Buffer[], bytes: Buffer): void {
  const last = passed.at(-1)
  if (last?.buffer !== bytes.buffer || last.byteOffset + last.length !== bytes.byteOffset) passed.push(bytes)
  else passed[passed.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + bytes.length)
}

// The engine's own error code for denied access, which Qlik's clients know.
const accessDenied = 5

const reasons: Record<EngineRule, string> = {
  ENGINE_MODE: 'is refused by the gateway, where apps may be read and selected in only (ENGINE_MODE=view)',
  ALLOWED_APPS: 'is refused by the gateway, which serves the app of this connection only (ALLOWED_APPS)'
}

/** A JSON-RPC 2.0 error in a text frame of a server. */
function errorFrame (id: number | null, method: string, rule: EngineRule): Buffer {
  const message = `${method === 'unreadable' ? 'A message that could be read in two ways' : method} ${reasons[rule]}.`
  const payload = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, error: { code: accessDenied, parameter: 'GW-POLICY-ENGINE', message } }))
  const header = Buffer.from([0x81, 126, 0, 0])
  header.writeUInt16BE(payload.length, 2)
  return Buffer.concat([header, payload])
}
