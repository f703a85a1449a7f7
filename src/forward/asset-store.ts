import { LRUCache } from 'lru-cache'
import { Writable } from 'node:stream'
import type { interceptors } from 'undici'

type Store = NonNullable<NonNullable<Parameters<typeof interceptors.cache>[0]>['store']>
type Key = Parameters<Store['createWriteStream']>[0]
type Value = Parameters<Store['createWriteStream']>[1]
type Asset = Value & { body: Buffer, cacheControlDirectives: NonNullable<Value['cacheControlDirectives']> }

export interface AssetStoreOptions {
  /** Bytes of all assets together: the least recently used go first. */
  mostBytes?: number
  /** Bytes of one asset. */
  mostOfOne?: number
}

// By Accept-Encoding there are a few; whatever else an answer varies by, clients may make up.
const mostVariants = 4
// What an asset takes beside its body.
const overhead = 2_000
const notForAll = new Set(['cookie', 'authorization'])

/**
 * The memory of the shared cache. Undici's own throws nothing away where each address has one variant. Kept is what is complete, has status
 * 200 and is for everybody; how long, undici's interceptor says by RFC 9111, but never by a guess, nor beyond its end.
 */
export class AssetStore implements Store {
  readonly #assets: LRUCache<string, Asset[]>
  readonly #mostOfOne: number
  /** How often something has begun to be stored. */
  begun = 0

  constructor ({ mostBytes = 33_554_432, mostOfOne = 8_388_608 }: AssetStoreOptions = {}) {
    this.#assets = new LRUCache({
      maxSize: mostBytes,
      sizeCalculation: variants => variants.reduce((bytes, { body }) => bytes + body.length + overhead, 0)
    })
    this.#mostOfOne = mostOfOne
  }

  holds ({ origin, path }: Pick<Key, 'origin' | 'path'>): boolean {
    return this.#assets.has(origin + path)
  }

  get (key: Key): Asset | undefined {
    return this.#assets.get(key.origin + key.path)?.find(asset => isFor(asset, key) && asset.deleteAt > Date.now())
  }

  createWriteStream (key: Key, value: Value): Writable | undefined {
    const { vary = {}, headers, cacheControlDirectives: directives = {} } = value
    const variesByClient = Object.keys(vary).some(name => notForAll.has(name.toLowerCase()))
    if (value.statusCode !== 200 || 'private' in directives || variesByClient) return undefined
    this.begun++
    const says = 'max-age' in directives || 's-maxage' in directives || 'immutable' in directives || headers.expires !== undefined
    const chunks: Buffer[] = []
    let bytes = 0
    return new Writable({
      // Writing never waits: undici would read on, whatever the client has taken, when a wait is over.
      highWaterMark: 2 * this.#mostOfOne,
      write: (chunk: Buffer, _encoding, done) => {
        chunks.push(chunk)
        bytes += chunk.length
        done(bytes > this.#mostOfOne ? new Error('too large to keep') : null)
      },
      final: done => {
        this.#keep(key, {
          ...value,
          // A lifetime that nobody has named would be a guess by the age of the file (RFC 9111, section 4.2.2): it is asked for again.
          staleAt: says ? value.staleAt : 0,
          cacheControlDirectives: { ...directives, 'stale-while-revalidate': 0, 'stale-if-error': 0 },
          body: Buffer.concat(chunks)
        })
        done()
      }
    })
  }

  delete ({ origin, path }: Pick<Key, 'origin' | 'path'>): void {
    this.#assets.delete(origin + path)
  }

  #keep (key: Key, asset: Asset): void {
    const others = this.#assets.get(key.origin + key.path)?.filter(other => !isFor(other, key)) ?? []
    this.#assets.set(key.origin + key.path, [asset, ...others].slice(0, mostVariants))
  }
}

function isFor ({ vary = {} }: Asset, { headers = {} }: Key): boolean {
  return Object.entries(vary).every(([name, value]) => String(headers[name] ?? '') === String(value ?? ''))
}
