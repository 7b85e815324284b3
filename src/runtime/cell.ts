/** One small value that outlives the process: a boot number, a term, the peers known last. */

import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { PeerbinError } from '../errors.ts'

/** Version of the file's frame; the value inside is checked by the schema of whoever opens the cell. */
const CELL_VERSION = 1

/**
 * A value with one owner. `get` answers the newest value given to `set`, also while that is still being written, so that a
 * value which only rises can be compared without waiting. A write that failed puts the last durable value back.
 */
export interface Cell<T> {
  get(): T
  /** Resolves when the value survives power loss. Sets are serialised and the last one wins. @throws `local-file` */
  set(value: T): Promise<void>
}

/** A cell that is forgotten with the process, for clusters in memory and for tests. */
export function memoryCell<T>(initial: T): Cell<T> {
  let value = initial
  return {
    get: () => value,
    set: async (next) => {
      value = next
    }
  }
}

/**
 * A cell in a JSON file `{ "version": 1, "value": … }`, readable by its owner only. Without the file its value is `initial`.
 *
 * @throws `data-incompatible`, naming the file, when its content cannot be understood; `local-file` when it cannot be read.
 */
export async function openFileCell<T>(path: string, schema: z.ZodType<T>, initial: T): Promise<Cell<T>> {
  return new FileCell(path, await readValue(path, schema, initial))
}

async function readValue<T>(path: string, schema: z.ZodType<T>, initial: T): Promise<T> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return initial
    throw new PeerbinError('local-file', `${path} cannot be read`, { cause: error })
  }
  try {
    return z.object({ version: z.literal(CELL_VERSION), value: schema }).parse(JSON.parse(text)).value
  } catch (error) {
    throw new PeerbinError('data-incompatible', `${path} is damaged or was written by another version`, {
      cause: error
    })
  }
}

class FileCell<T> implements Cell<T> {
  readonly #path: string
  #value: T
  #durable: T
  #writing: Promise<void> = Promise.resolve()
  /** A write that has not begun yet and will take the newest value: sets that come meanwhile share it. */
  #next: Promise<void> | undefined

  constructor(path: string, value: T) {
    this.#path = path
    this.#value = value
    this.#durable = value
  }

  get(): T {
    return this.#value
  }

  set(value: T): Promise<void> {
    this.#value = value
    if (this.#next !== undefined) return this.#next
    const next = this.#writing.then(async () => {
      this.#next = undefined
      await this.#write()
    })
    this.#next = next
    // the chain only orders the writes: whoever called `set` gets the error
    this.#writing = next.catch(() => undefined)
    return next
  }

  async #write(): Promise<void> {
    const value = this.#value
    try {
      await writeDurably(this.#path, JSON.stringify({ version: CELL_VERSION, value }))
      this.#durable = value
    } catch (error) {
      if (this.#value === value) this.#value = this.#durable
      throw new PeerbinError('local-file', `${this.#path} cannot be written`, { cause: error })
    }
  }
}

/** Old or new content after a crash, never a mixture: write beside, fsync, rename, fsync the folder. */
async function writeDurably(path: string, text: string): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  const temporary = `${path}.tmp`
  {
    await using file = await open(temporary, 'w', 0o600)
    await file.writeFile(text)
    await file.sync()
  }
  await rename(temporary, path)
  await using handle = await open(folder, 'r')
  await handle.sync()
}
