import { LRUCache } from 'lru-cache'
import { Writable } from 'node:stream'
import type { interceptors } from 'undici'

type Store = NonNullable<NonNullable<Parameters<typeof interceptors.cache>[0]>['store']>
type Key = Parameters<Store['createWriteStream']>[0]
type Value = Parameters<Store['createWriteStream']>[1]
type Asset = Value & { body: Buffer, cacheControlDirectives: NonNullable<Value['cacheControlDirectives']> }

export interface AssetStoreOptions {
  /** Bytes of all assets together. The least recently used are removed first. */
  mostBytes?: number
  /** Bytes of one asset. */
  mostOfOne?: number
}

// Accept-Encoding gives a few variants. Of other headers, clients could invent any number of values.
const mostVariants = 4
// What an asset takes in addition to its body.
const overhead = 2_000
const notForAll = new Set(['cookie', 'authorization'])

/**
 * The storage of the shared cache. undici's own one removes nothing if each address has only one variant.
 * It keeps only complete answers with status 200 that are the same for everybody. How long, undici's interceptor
 * decides by RFC 9111, but never by a heuristic, and never longer than an answer is fresh.
 */
export class AssetStore implements Store {
  readonly #assets: LRUCache<string, Asset[]>
  readonly #mostOfOne: number
  /** How often storing an answer has begun. */
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
      // With this limit, writing never waits: after a wait, undici would read on whether or not the client keeps up.
      highWaterMark: 2 * this.#mostOfOne,
      write: (chunk: Buffer, _encoding, done) => {
        chunks.push(chunk)
        bytes += chunk.length
        done(bytes > this.#mostOfOne ? new Error('too large to keep') : null)
      },
      final: done => {
        this.#keep(key, {
          ...value,
          // Without an explicit lifetime, freshness would be a heuristic based on the age of the file (RFC 9111,
          // section 4.2.2). Such an answer is validated instead.
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
