/** How this project opens LevelDB: bytes in, bytes out, and errors of ours. */

import { Level } from 'level'
import { PeerbinError } from '../../errors.ts'

/** `level` leaves out of its types what only the Node.js implementation, classic-level, has. */
export type Database = Level<Uint8Array, Uint8Array> & {
  /** Flushes what is in memory to a table, then rewrites every table that overlaps [start, end]. */
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>
  /** Bytes that tables have between the keys, to the size of a block; what is in memory is not counted. */
  approximateSize(start: Uint8Array, end: Uint8Array): Promise<number>
  /** What LevelDB says of itself; empty when it does not know the property. */
  getProperty(property: string): string
}

export interface DatabaseOptions {
  /** LevelDB keeps up to two of these in memory, and replays one at most when it opens. */
  writeBufferSize: number
  maxFileSize: number
  blockSize: number
  cacheSize: number
}

/**
 * Opens the database in `folder`, made if it is not there. Nothing here compresses: chunks rarely do.
 * @throws `data-in-use` when another process (or another store in this one) has it, `store-failed` when it cannot be opened.
 */
export async function openDatabase(folder: string, options: DatabaseOptions): Promise<Database> {
  const database = new Level<Uint8Array, Uint8Array>(folder, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    compression: false,
    ...options
  }) as Database
  try {
    await database.open()
  } catch (error) {
    throw openError(error, folder)
  }
  return database
}

/** What went wrong while a store was opened, with the folder, so that an operator knows which; refusals of ours stay what they are. */
export function openError(error: unknown, folder: string): PeerbinError {
  if (error instanceof PeerbinError && error.code !== 'store-failed') return error
  const reason = error instanceof Error && error.cause !== undefined ? error.cause : error
  const code = codeOf(reason)
  if (code === 'LEVEL_LOCKED') {
    return new PeerbinError('data-in-use', `The data folder ${folder} is in use by another process.`, {
      cause: reason
    })
  }
  const text = reason instanceof Error ? reason.message : String(reason)
  const what = code === 'LEVEL_CORRUPTION' ? 'is damaged' : 'could not be opened'
  return new PeerbinError('store-failed', `The chunk store in ${folder} ${what}: ${text}`, { cause: reason })
}

/**
 * Lets nothing be written any more after one write failed. LevelDB would go on behind a log record that is half there, and its recovery may not
 * read past that: what was acknowledged then could be lost. Only opening the database again makes that good.
 */
export class WriteLatch {
  #failure: PeerbinError | undefined

  /** @throws `store-failed` when this or an earlier write failed, or another did while this one ran */
  async run<T>(doing: string, write: () => Promise<T>): Promise<T> {
    this.#refuseAfterFailure()
    const answer = await write().catch((error: unknown) => {
      const failure = storeError(error, doing)
      this.#failure ??= failure
      throw failure
    })
    this.#refuseAfterFailure()
    return answer
  }

  #refuseAfterFailure(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}

/**
 * What `openError` made, with what an operator can do about it when the store in `folder` is too damaged to be opened. LevelDB has a repair of its own, which
 * takes what it finds: also records that were deleted or replaced since. The other copies in the cluster are better than that.
 */
export function withRemedy<E>(error: E, folder: string): E | PeerbinError {
  if (!(error instanceof PeerbinError) || !isDamage(error.cause)) return error
  return new PeerbinError('store-failed', `${error.message} ${remedyFor(folder)}`, { cause: error.cause })
}

/** What an operator does about a store that is too damaged to be opened. */
export const remedyFor = (folder: string): string =>
  `Move the folder ${folder} away and start the node again: it begins empty, and the cluster gives it copies again. ` +
  'Delete what was moved away only when every chunk has all its copies again.'

/** LevelDB read something that it can tell is damaged. */
export const isDamage = (error: unknown): boolean => codeOf(error) === 'LEVEL_CORRUPTION'

/** What LevelDB throws, as `store-failed`; errors of ours stay what they are. */
export function storeError(error: unknown, doing: string): PeerbinError {
  if (error instanceof PeerbinError) return error
  const text = error instanceof Error ? error.message : String(error)
  return new PeerbinError('store-failed', `The chunk store failed to ${doing}: ${text}`, { cause: error })
}

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
