/** A queue of files for a pool, on this machine's disk. What it has taken in is sent once, whatever breaks meanwhile. */

import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { asPeerbinError, hasCode, PeerbinError } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Clock, Random } from '../../interfaces.ts'
import { systemClock } from '../../runtime/clock.ts'
import { sleep } from '../../runtime/deadline.ts'
import { systemRandom } from '../../runtime/random.ts'
import type { PoolClient } from '../pool-client.ts'
import { isPassing } from '../retry.ts'
import { Sender } from './sender.ts'
import type { SendEvent, SenderDeps } from './sender.ts'
import { SqliteQueue } from './sqlite-queue.ts'
import type { Added, Addition, QueueLimits } from './sqlite-queue.ts'
import type { NewFile, QueuedFile, QueueSummary } from './store.ts'

const GIB = 1024 ** 3
/** What an edge takes of names and metadata (protocol/limits.ts). */
const NAME_BYTES_MAX = 255
const METADATA_BYTES_MAX = 4 * 1024
const MEDIA_TYPE_LENGTH_MAX = 200
/** Ms since the epoch; of 15 digits, as an edge takes them. */
const TIME_MAX = 1e15 - 1
/** Between two looks at what others have put into the queue. */
const LOOK_MS = 1000
/** What somebody has to put right is asked again so often. */
const BLOCKED_MS = 30_000
/** A server that is away is asked for so long by `send`. */
const SEND_MS = 60_000

export interface SendQueueOptions {
  /** Made where it is not there; for one pool and member. */
  readonly folder: string
  /** Default: 100,000 files, 10 GiB. */
  readonly limits?: Partial<QueueLimits>
  readonly clock?: Clock
  readonly random?: Random
  /** Tests end the process here: what has just happened. */
  readonly onStep?: (step: string) => void | Promise<void>
}

export interface AddOptions {
  /** Default: the name of the file. Unique together with the timestamp. */
  readonly name?: string
  /** ms since the epoch, or a date. Default: when the file was last modified; of bytes: now. */
  readonly timestamp?: number | Date
  readonly mediaType?: string
  readonly metadata?: Readonly<Record<string, string>>
  /** A file that was taken in from this path with this stamp is known, and not read again. */
  readonly origin?: NewFile['origin']
}

export type NewQueueFile = AddOptions &
  ({ readonly path: string } | { readonly bytes: Uint8Array; readonly name: string })

export interface QueueSendOptions extends Pick<SenderDeps, 'limits' | 'onEvent'> {
  readonly signal?: AbortSignal
  /** For how long a server that is away, or busy, is asked again; ms. Default: a minute. */
  readonly limitMs?: number
}

/** These end by nobody's waiting. */
const FOR_GOOD: readonly ErrorCode[] = [
  'credentials-invalid',
  'credentials-missing',
  'permission-denied',
  'pool-unknown'
]

export class SendQueue {
  readonly #store: SqliteQueue
  readonly #options: SendQueueOptions
  readonly #clock: Clock

  /** @throws `local-file`, `data-incompatible` */
  constructor(options: SendQueueOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#store = new SqliteQueue({
      folder: options.folder,
      limits: { filesMax: 100_000, bytesMax: 10 * GIB, ...options.limits },
      clock: this.#clock,
      random: options.random ?? systemRandom,
      onStep: options.onStep
    })
  }

  /** For whom it is, in words of the caller's; the first to be named stays. @throws `usage` for another */
  bind(owner: string): void {
    this.#store.bind(owner)
  }

  /**
   * Takes bytes in. When this resolves they are on the disk, and will be sent.
   * @throws `file-conflict` where a file of this name and timestamp waits with other bytes; `invalid-field`, `empty-file`, `local-full`, `local-file`
   */
  async add(bytes: Uint8Array, options: AddOptions & { name: string }): Promise<Added> {
    return only(await this.addTogether([{ ...options, bytes }]))
  }

  /** Takes a file of this machine in: a copy of it, as it is now. @throws as add; `local-changed` where somebody wrote to it meanwhile */
  async addFile(path: string, options: AddOptions = {}): Promise<Added> {
    return only(await this.addTogether([{ ...options, path }]))
  }

  /**
   * Takes several in that belong together: all of them or none, and no batch has some of them only (unless they are more than one batch may have).
   * @param onFailure hears of those that cannot be taken, which are left out and undefined in the answer; without it nothing is taken then
   * @throws as add and addFile
   */
  async addTogether(
    files: readonly NewQueueFile[],
    onFailure?: (position: number, error: PeerbinError) => void
  ): Promise<(Added | undefined)[]> {
    const answers: (Added | undefined)[] = files.map(() => undefined)
    const wanted: { position: number; addition: Addition }[] = []
    for (const [position, file] of files.entries()) {
      try {
        if (file.origin !== undefined && this.#store.knows(file.origin))
          answers[position] = { state: 'known', id: null }
        else wanted.push({ position, addition: await this.#addition(file) })
      } catch (error) {
        if (onFailure === undefined) throw error
        onFailure(position, asPeerbinError(error, 'local-file'))
      }
    }
    const positionOf = (at: number): number => wanted[at]?.position ?? 0
    const added = await this.#store.add(
      wanted.map(({ addition }) => addition),
      onFailure && ((at, error) => onFailure(positionOf(at), error))
    )
    for (const [at, each] of added.entries()) answers[positionOf(at)] = each
    return answers
  }

  async #addition(file: NewQueueFile): Promise<Addition> {
    if ('bytes' in file)
      return { ...this.#checked(file.name, this.#clock.now(), file), bytes: once(file.bytes) }
    const { path } = file
    const found = await stat(path).catch((error: unknown) => {
      throw new PeerbinError('local-file', `cannot read ${path}`, { cause: error })
    })
    if (!found.isFile()) throw new PeerbinError('local-file', `${path} is no file`)
    const about = this.#checked(file.name ?? basename(path), Math.trunc(found.mtimeMs), file)
    return { ...about, bytes: unchanged(path, found) }
  }

  #checked(name: string, now: number, options: AddOptions): NewFile {
    const { timestamp = now, mediaType = 'application/octet-stream', metadata = {}, origin } = options
    const at = typeof timestamp === 'number' ? timestamp : timestamp.getTime()
    const wrong = (what: string): PeerbinError => new PeerbinError('invalid-field', what)
    if (name === '' || !name.isWellFormed() || Buffer.byteLength(name) > NAME_BYTES_MAX)
      throw wrong(`a name has 1 to ${NAME_BYTES_MAX} bytes: ${name}`)
    if (!Number.isSafeInteger(at) || at < 0 || at > TIME_MAX)
      throw wrong('a timestamp is a whole number of ms since 1970, or a date after that')
    if (Buffer.byteLength(JSON.stringify(metadata)) > METADATA_BYTES_MAX)
      throw wrong(`metadata have ${METADATA_BYTES_MAX} bytes at most`)
    if (!/^[\x21-\x7E][\x20-\x7E]*$/.test(mediaType) || mediaType.length > MEDIA_TYPE_LENGTH_MAX)
      throw wrong(`that is no media type: ${mediaType}`)
    return { name, at, mediaType, metadata, origin }
  }

  /**
   * Sends what waits. @throws `data-in-use` while another process sends; what keeps it from being sent: everything is still in the queue then
   */
  async send(client: PoolClient, options: QueueSendOptions = {}): Promise<void> {
    const { signal = new AbortController().signal, limitMs = SEND_MS } = options
    using held = this.#store.trySend()
    if (held === undefined) throw new PeerbinError('data-in-use', 'another process sends from this queue')
    await this.#store.sweep()
    await this.#sender(client, options).drain({ signal, limitMs })
  }

  /**
   * Sends what waits and what comes, until the signal aborts; while another process sends, it stands by.
   * @throws what nobody's waiting helps against: credentials that are not valid (any more), a pool that is gone
   */
  async run(client: PoolClient, options: QueueSendOptions & { signal: AbortSignal }): Promise<void> {
    const { signal } = options
    while (!signal.aborted) {
      using held = this.#store.trySend()
      if (held !== undefined) await this.#sendOn(client, options)
      else await pause(this.#clock, LOOK_MS, signal)
    }
  }

  async #sendOn(client: PoolClient, options: QueueSendOptions & { signal: AbortSignal }): Promise<void> {
    const { signal, onEvent } = options
    await this.#store.sweep()
    const sender = this.#sender(client, options)
    while (!signal.aborted) {
      try {
        await sender.drain({ signal, limitMs: Infinity })
        await pause(this.#clock, LOOK_MS, signal)
      } catch (error) {
        if (signal.aborted) return
        if (!hasCode(error) || hasCode(error, ...FOR_GOOD)) throw error
        if (!isPassing(error)) onEvent?.({ type: 'waiting', why: error, waitMs: BLOCKED_MS })
        await pause(this.#clock, BLOCKED_MS, signal)
      }
    }
  }

  #sender(client: PoolClient, { limits, onEvent }: QueueSendOptions): Sender {
    return new Sender({ store: this.#store, client, limits, onEvent, onStep: this.#options.onStep })
  }

  /** Whether a file of this machine was taken in as it is now. */
  knows(origin: { path: string; stamp: string }): boolean {
    return this.#store.knows(origin)
  }

  /** What waits and what was set aside, the oldest timestamps first; a page after the last of the one before. */
  list(options: { after?: { at: number; id: number } | undefined; limit?: number } = {}): QueuedFile[] {
    return this.#store.list({ limit: 1000, ...options })
  }

  /** Undefined: it was sent, or dropped. */
  find(id: number): QueuedFile | undefined {
    return this.#store.find(id)
  }

  summary(): QueueSummary {
    return this.#store.summary()
  }

  /** What was set aside is sent again. @param ids default: all @returns how many */
  retry(ids?: readonly number[]): number {
    return this.#store.retry(ids)
  }

  /** Takes out what is not to be sent; what is being sent is left. @param ids default: all that were set aside @returns how many */
  async drop(ids?: readonly number[]): Promise<number> {
    return await this.#store.drop(ids)
  }

  close(): void {
    this.#store.close()
  }
}

export type { SendEvent }

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.byteLength > 0) yield bytes
}

/** A file from its first byte to its last. @throws `local-changed` where it is not the same at the end */
async function* unchanged(
  path: string,
  before: { mtimeMs: number; size: number }
): AsyncGenerator<Uint8Array, void, undefined> {
  await using file = await open(path, 'r')
  yield* createReadStream(path, { fd: file.fd, autoClose: false }) as AsyncIterable<Uint8Array>
  const after = await file.stat()
  if (after.mtimeMs !== before.mtimeMs || after.size !== before.size)
    throw new PeerbinError('local-changed', `${path} was changed while it was read`)
}

function only(added: readonly (Added | undefined)[]): Added {
  const [first] = added
  if (first === undefined) throw new PeerbinError('internal', 'nothing was added')
  return first
}

/** A signal ends it without a word. */
async function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  await sleep(clock, delayMs, signal).catch(() => undefined) // only the signal rejects it
}
