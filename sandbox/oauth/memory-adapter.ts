import type { Adapter, AdapterPayload } from 'oidc-provider'

interface Entry { payload: AdapterPayload, expiresAt: number }

/** The storage of an authorization server. Each server has its own, so that several can run in one process. */
export class MemoryStore {
  readonly #entries = new Map<string, Entry>()
  readonly #clients: (clientId: string) => AdapterPayload | undefined

  /** `clients` returns the current metadata of a client, so that redirect URIs can change while the server runs. */
  constructor (clients: (clientId: string) => AdapterPayload | undefined) {
    this.#clients = clients
  }

  get (model: string, id: string): AdapterPayload | undefined {
    if (model === 'Client') return this.#clients(id)
    const key = `${model}:${id}`
    const entry = this.#entries.get(key)
    if (entry && entry.expiresAt <= Date.now()) {
      this.#entries.delete(key)
      return undefined
    }
    return entry?.payload
  }

  set (model: string, id: string, payload: AdapterPayload, lifeSeconds?: number): void {
    const expiresAt = lifeSeconds === undefined ? Infinity : Date.now() + lifeSeconds * 1000
    this.#entries.set(`${model}:${id}`, { payload, expiresAt })
  }

  delete (model: string, id: string): void {
    this.#entries.delete(`${model}:${id}`)
  }

  find (model: string, field: 'uid' | 'userCode', value: string): AdapterPayload | undefined {
    for (const [key, { payload }] of this.#entries) {
      if (key.startsWith(`${model}:`) && payload[field] === value) return this.get(model, key.slice(model.length + 1))
    }
    return undefined
  }

  /** Deletes the tokens of one kind that were issued under a grant. */
  revoke (model: string, grantId: string): void {
    for (const [key, { payload }] of this.#entries) {
      if (key.startsWith(`${model}:`) && payload.grantId === grantId) this.#entries.delete(key)
    }
  }

  /** The adapter of one model, for oidc-provider. */
  adapter (model: string): Adapter {
    return {
      upsert: async (id, payload, expiresIn) => { this.set(model, id, payload, expiresIn) },
      find: async id => this.get(model, id),
      findByUserCode: async code => this.find(model, 'userCode', code),
      findByUid: async uid => this.find(model, 'uid', uid),
      consume: async id => {
        const payload = this.get(model, id)
        if (payload) payload.consumed = Math.floor(Date.now() / 1000)
      },
      destroy: async id => { this.delete(model, id) },
      revokeByGrantId: async grantId => { this.revoke(model, grantId) }
    }
  }
}
