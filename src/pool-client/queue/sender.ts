/**
 * Sends what waits in a queue, batch by batch. A batch has its id before its first request, and is asked for again under it until the server has acknowledged it: so it is never lost, and never doubled.
 * What the server refuses for good is set aside, file by file, and the rest goes in another batch.
 */

import { asPeerbinError, hasCode, PeerbinError } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import { sleep, throwIfAborted } from '../../runtime/deadline.ts'
import { inParallel } from '../../runtime/in-parallel.ts'
import { randomUuid } from '../../runtime/random.ts'
import { batch as batchAnswer } from '../answers.ts'
import type { BatchAnswer } from '../answers.ts'
import type { PoolClient } from '../pool-client.ts'
import { isPassing, pauseMs } from '../retry.ts'
import type { BatchLimits, QueuedBatch, QueuedFile, QueueStore } from './store.ts'

/** Files that are on their way at once. */
const UPLOADS = 4
/** Missing files that an announcement is answered with. */
const MISSING_MAX = 1000
/** After a refusal the next batch is so small, and each that goes through makes it twice as large: many refusals must not cost as many large announcements. */
const BATCH_SMALL = 200
/** A batch that the server forgot again and again, or a file that never arrives whole, is no accident. */
const ROUNDS_MAX = 5
const DAY_MS = 24 * 60 * 60 * 1000
/** A place in a batch that is full (`batches-full`), or a pool's space, comes back by itself, or by somebody. */
const BLOCKED_PAUSE_MS = 30_000

/** The server takes so many files and, of an announcement, bytes; and a break should not cost too much. */
export const BATCH_LIMITS: BatchLimits = { filesMax: 10_000, bytesMax: 4 * 1024 ** 3 }

/** Refusals of one file. */
const OF_A_FILE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'timestamp-too-old',
  'timestamp-in-future',
  'duplicate-file',
  'file-conflict',
  'empty-file',
  'type-forbidden'
])

export type SendEvent =
  | { type: 'begun'; batch: string; files: number; bytes: number }
  | { type: 'file'; batch: string; name: string; bytes: number }
  | { type: 'sent'; batch: string; files: number; bytes: number; duplicates: number }
  | { type: 'refused'; name: string; at: number; error: PeerbinError }
  | { type: 'held'; name: string; until: number }
  | { type: 'waiting'; why: PeerbinError; waitMs: number }

export interface SenderDeps {
  readonly store: QueueStore
  readonly client: PoolClient
  readonly limits?: BatchLimits | undefined
  readonly onEvent?: ((event: SendEvent) => void) | undefined
  /** Tests end the process here: what has just happened. */
  readonly onStep?: ((step: string) => void | Promise<void>) | undefined
}

export interface SendOptions {
  readonly signal: AbortSignal
  /** For how long a server that is away, or busy, is asked again, since something went through; ms. Infinity: for ever. */
  readonly limitMs: number
}

export class Sender {
  readonly #deps: SenderDeps
  readonly #limits: BatchLimits
  #filesMax: number
  /** The file that arrived wrong last, and how often. */
  #spoilt = { id: 0, times: 0 }

  constructor(deps: SenderDeps) {
    this.#deps = deps
    this.#limits = deps.limits ?? BATCH_LIMITS
    this.#filesMax = this.#limits.filesMax
  }

  /**
   * Until nothing is left that can be sent now.
   * @throws what keeps it all from being sent (`server-unreachable` and the like when the limit is over; `permission-denied`, `pool-archived`, `clock-skewed`, …): everything is still in the queue then
   */
  async drain({ signal, limitMs }: SendOptions): Promise<void> {
    const { client } = this.#deps
    let attempts = 0
    let endsAt = client.clock.monotonic() + limitMs
    for (;;) {
      throwIfAborted(signal)
      try {
        const found = this.#next()
        if (found === undefined) return
        await this.#send(found, signal)
        attempts = 0
        endsAt = client.clock.monotonic() + limitMs
      } catch (error) {
        throwIfAborted(signal)
        const why = asPeerbinError(error)
        const isFull = hasCode(why, 'batches-full')
        const passes: boolean = isFull || isPassing(why)
        if (!passes) throw why
        const waitMs = isFull ? BLOCKED_PAUSE_MS : pauseMs(++attempts, why, client.random)
        if (client.clock.monotonic() + waitMs >= endsAt) throw why
        this.#tell({ type: 'waiting', why, waitMs })
        await sleep(client.clock, waitMs, signal)
      }
    }
  }

  #next(): QueuedBatch | undefined {
    const { store, client } = this.#deps
    const limits = { ...this.#limits, filesMax: this.#filesMax }
    return store.nextBatch(limits, () => randomUuid(client.random), client.clock.now())
  }

  async #send(batch: QueuedBatch, signal: AbortSignal): Promise<void> {
    const { store } = this.#deps
    await this.#step('batch.planned')
    if (batch.files.length === 0) return store.dissolve(batch.id)
    const bytes = batch.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    this.#tell({ type: 'begun', batch: batch.id, files: batch.files.length, bytes })
    try {
      const done = await this.#through(batch, signal)
      await this.#step('commit.answered')
      await store.sent(batch.id)
      await this.#step('batch.sent')
      this.#filesMax = Math.min(this.#limits.filesMax, this.#filesMax * 2)
      const { duplicates } = done
      this.#tell({ type: 'sent', batch: batch.id, files: batch.files.length, bytes, duplicates })
    } catch (error) {
      if (!(await this.#putRight(batch, error, signal))) throw error
    }
  }

  /** Announces, sends what is missing, commits; again from the announcement where the server gave the batch up meanwhile. */
  async #through(batch: QueuedBatch, signal: AbortSignal): Promise<BatchAnswer> {
    for (let round = 1; ; round++) {
      try {
        const announced = await this.#announce(batch, signal)
        await this.#step('batch.announced')
        if (announced.state === 'committed') return announced
        await this.#upload(batch, announced, signal)
        await this.#step('commit.asked')
        return await this.#request(batch, 'POST', '/commit', signal)
      } catch (error) {
        const isForgotten = hasCode(error, 'batch-unknown', 'batch-closed', 'batch-incomplete')
        if (!isForgotten || round >= ROUNDS_MAX) throw error
      }
    }
  }

  async #announce(batch: QueuedBatch, signal: AbortSignal): Promise<BatchAnswer> {
    const { client } = this.#deps
    const json = {
      batch: batch.id,
      client_time: isoTime(client.clock.now()),
      files: batch.files.map(({ name, at, sizeBytes, sha256, mediaType, metadata }) => ({
        name,
        timestamp: isoTime(at),
        size: sizeBytes,
        sha256,
        media_type: mediaType,
        metadata
      }))
    }
    try {
      return await client.http.json(client.request('POST', 'batches', signal, { json }), batchAnswer)
    } catch (error) {
      throw hasCode(error, 'clock-skewed') ? skewOf(error, client.clock.now()) : error
    }
  }

  async #request(
    batch: QueuedBatch,
    method: 'GET' | 'POST',
    path: string,
    signal: AbortSignal,
    query = {}
  ): Promise<BatchAnswer> {
    const { client } = this.#deps
    const request = client.request(method, `batches/${batch.id}${path}`, signal, { query })
    return await client.http.json(request, batchAnswer)
  }

  async #upload(batch: QueuedBatch, announced: BatchAnswer, signal: AbortSignal): Promise<void> {
    let page = announced
    for (;;) {
      await inParallel(page.missing, UPLOADS, async ({ index }) => {
        const file = batch.files[index]
        if (file === undefined)
          throw new PeerbinError(
            'protocol-violation',
            'the server asks for a file that the batch does not have'
          )
        await this.#put(batch, index, file, signal)
      })
      const after = page.next ?? (page === announced ? moreAfter(page) : undefined)
      if (after === undefined) return
      page = await this.#request(batch, 'GET', '', signal, { missing: 1, after })
    }
  }

  async #put(batch: QueuedBatch, index: number, file: QueuedFile, signal: AbortSignal): Promise<void> {
    const { client, store } = this.#deps
    const body = await this.#about(file, async () => await store.bytes(file))
    await this.#about(file, async () => {
      const headers = { 'content-type': file.mediaType }
      const path = `batches/${batch.id}/files/${index}`
      const answer = await client.http.send(client.request('PUT', path, signal, { body, headers }))
      await client.http.text(answer, signal)
    })
    await this.#step('file.sent')
    this.#tell({ type: 'file', batch: batch.id, name: file.name, bytes: file.sizeBytes })
  }

  /** What goes wrong with the bytes is about this file. */
  async #about<T>(file: QueuedFile, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (hasCode(error) && IS_OF_THE_BYTES.has(error.code)) throw new FileFailure(file, error)
      throw error
    }
  }

  /** Whether what went wrong is the fault of single files, which are set aside now, or of the size of the batch. @throws what went wrong, where waiting may help */
  async #putRight(batch: QueuedBatch, error: unknown, signal: AbortSignal): Promise<boolean> {
    if (error instanceof FileFailure) {
      await this.#checkSpoilt(error)
      await this.#setAside(batch, error.file, error.reason, signal)
      return true
    }
    if (!hasCode(error)) return false
    const index = error.details['index']
    const file = typeof index === 'number' ? batch.files[index] : undefined
    const isOfFiles = OF_A_FILE.has(error.code) || OF_THE_ANNOUNCEMENT.has(error.code)
    if (isOfFiles && file !== undefined) {
      await this.#setAside(batch, file, error, signal)
      return true
    }
    if (!OF_THE_ANNOUNCEMENT.has(error.code)) return false
    await this.#split(batch, error, signal)
    return true
  }

  /** Something in the announcement is not taken, and nobody says which file it is: halves find it, and it does not hold the others. */
  async #split(batch: QueuedBatch, error: PeerbinError, signal: AbortSignal): Promise<void> {
    const [only, ...others] = batch.files
    if (only !== undefined && others.length === 0) return await this.#setAside(batch, only, error, signal)
    await this.#giveUp(batch, signal)
    this.#filesMax = Math.max(1, Math.floor(batch.files.length / 2))
    this.#deps.store.dissolve(batch.id)
  }

  /** Bytes that are right here were spoilt on the way: they are sent again, a few times. @throws what passes */
  async #checkSpoilt({ file, reason }: FileFailure): Promise<void> {
    if (reason.code !== 'checksum-mismatch' || !(await this.#deps.store.verify(file))) return
    if (this.#spoilt.id !== file.id) this.#spoilt = { id: file.id, times: 0 }
    if (++this.#spoilt.times >= ROUNDS_MAX) return
    throw new PeerbinError('upload-incomplete', `${file.name} did not arrive as it was sent`, {
      cause: reason
    })
  }

  async #setAside(
    batch: QueuedBatch,
    file: QueuedFile,
    error: PeerbinError,
    signal: AbortSignal
  ): Promise<void> {
    const { store, client } = this.#deps
    await this.#giveUp(batch, signal)
    const now = client.clock.now()
    if (error.code === 'timestamp-in-future' && file.at - now < DAY_MS) {
      const held = batch.files.filter(({ at }) => at >= file.at && at - now < DAY_MS)
      // each may go when its own time has come; the first of them is the measure for all
      store.refuse(
        batch.id,
        held.map(({ id }) => id),
        { notBefore: Math.max(file.at, now + 1000) }
      )
      for (const { name } of held) this.#tell({ type: 'held', name, until: file.at })
      return
    }
    // what is true of one is true of all that are older, or lie further ahead
    const others =
      error.code === 'timestamp-too-old'
        ? batch.files.filter(({ at }) => at <= file.at)
        : error.code === 'timestamp-in-future'
          ? batch.files.filter(({ at }) => at >= file.at)
          : [file]
    this.#filesMax = Math.min(this.#limits.filesMax, BATCH_SMALL)
    const why = { code: error.code, text: error.message }
    store.refuse(
      batch.id,
      others.map(({ id }) => id),
      why
    )
    await this.#step('file.refused')
    for (const { name, at } of others) this.#tell({ type: 'refused', name, at, error })
  }

  /** So that the server need not keep it open. It forgets it anyway, in time. */
  async #giveUp({ id }: QueuedBatch, signal: AbortSignal): Promise<void> {
    try {
      await this.#deps.client.tell('DELETE', `batches/${id}`, { signal })
    } catch (error) {
      throwIfAborted(signal)
      // committed after all: then the files of it have arrived, and it must be asked for again, not dissolved
      if (hasCode(error, 'batch-closed'))
        throw new PeerbinError('upload-incomplete', 'the batch was committed meanwhile', { cause: error })
      if (!hasCode(error, 'batch-unknown', 'not-found')) throw error
    }
  }

  #tell(event: SendEvent): void {
    this.#deps.onEvent?.(event)
  }

  async #step(step: string): Promise<void> {
    await this.#deps.onStep?.(step)
  }
}

/** An announcement is answered with the first that are missing. */
const moreAfter = ({ missing }: BatchAnswer): number | undefined =>
  missing.length < MISSING_MAX ? undefined : missing.at(-1)?.index

/** What may be wrong with some file of an announcement. */
const OF_THE_ANNOUNCEMENT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'batch-too-large',
  'too-large',
  'message-too-large',
  'invalid-field',
  'bad-request'
])

/** What a file is refused for by its bytes. */
const IS_OF_THE_BYTES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'checksum-mismatch',
  'local-file',
  'too-large',
  'type-forbidden',
  'file-infected',
  'empty-file',
  'invalid-field'
])

/** Of one file of a batch. */
class FileFailure extends Error {
  readonly file: QueuedFile
  readonly reason: PeerbinError

  constructor(file: QueuedFile, reason: PeerbinError) {
    super(reason.message, { cause: reason })
    this.file = file
    this.reason = reason
  }
}

/** Says by how much, where the server has told its time. */
function skewOf(error: PeerbinError, now: number): PeerbinError {
  const serverTime = Date.parse(String(error.details['server_time']))
  if (Number.isNaN(serverTime)) return error
  const seconds = Math.round((now - serverTime) / 1000)
  const { details } = error
  const off = `${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} the server's`
  const text = `the clock of this machine is ${off} (${new Date(serverTime).toISOString()}): set it; what waits is sent then`
  return new PeerbinError('clock-skewed', text, { details: { ...details, seconds }, cause: error })
}

export const isoTime = (at: number): string => new Date(at).toISOString()
