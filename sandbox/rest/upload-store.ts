import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** A stored file. `size` is the number of bytes received, `length` the announced one. */
export interface StoredFile { id: string, name: string, size: number, length: number, createdAt: string }

/** Uploaded files, stored in one folder. */
export class UploadStore {
  readonly #folder: string
  readonly #files = new Map<string, StoredFile>()

  constructor (folder: string) {
    this.#folder = folder
  }

  /** Creates a file whose content is uploaded later. */
  async create (name: string, length: number): Promise<StoredFile> {
    const file = { id: randomUUID(), name, size: 0, length, createdAt: new Date().toISOString() }
    await writeFile(this.#path(file.id), '')
    this.#files.set(file.id, file)
    return file
  }

  /** Stores a complete file. */
  async save (name: string, content: Readable): Promise<StoredFile> {
    const file = await this.create(name, 0)
    await this.append(file, content)
    file.length = file.size
    return file
  }

  /** Appends to a file. If the sender disconnects, the bytes received so far stay, and the promise rejects. */
  async append (file: StoredFile, content: Readable): Promise<void> {
    try {
      await pipeline(content, createWriteStream(this.#path(file.id), { flags: 'a' }))
    } finally {
      file.size = (await stat(this.#path(file.id))).size
    }
  }

  get (id: string): StoredFile | undefined {
    return this.#files.get(id)
  }

  list (): StoredFile[] {
    return [...this.#files.values()]
  }

  /** Reads the bytes of a file from `start` to `end`, inclusive. */
  read ({ id }: StoredFile, start: number, end: number): Readable {
    return createReadStream(this.#path(id), { start, end })
  }

  async remove (id: string): Promise<void> {
    this.#files.delete(id)
    await rm(this.#path(id), { force: true })
  }

  #path (id: string): string {
    return join(this.#folder, id)
  }
}
