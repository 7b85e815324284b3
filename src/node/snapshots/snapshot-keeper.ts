import { asPeerbinError, PeerbinError } from '../../errors.ts'
import type { ChunkStore, Clock, Logger, SnapshotName, SnapshotStore } from '../../interfaces.ts'
import { CHUNK_BYTES_MAX, SNAPSHOT_NAMES_MAX } from '../../protocol/limits.ts'
import type { ChunkMessages, RequestOf, ResponseOf } from '../../protocol/messages.ts'
import type { RpcAnswer, RpcRequest } from '../../protocol/rpc.ts'
import { checkSnapshotName, compareSnapshotNames } from '../../protocol/snapshot-names.ts'
import { Budget } from '../../runtime/budget.ts'
import { abortable, deadline } from '../../runtime/deadline.ts'
import type { TermFence } from '../term-fence.ts'

type Request<K extends keyof ChunkMessages> = RpcRequest<RequestOf<ChunkMessages, K>>
type Answer<K extends keyof ChunkMessages> = Promise<RpcAnswer<ResponseOf<ChunkMessages, K>>>

/** Pieces in memory at once, of at most 4 MiB each; requests that wait for that. */
const PIECES_MAX = 4
const WAITERS_MAX = 64
/** One request, its body included. */
const REQUEST_MS = 30_000
/** Pieces kept at most, far above what one controller leaves: their names are held in memory while they are listed. */
export const PIECES_KEPT_MAX = 65_536

export interface SnapshotKeeperDeps {
  /** Opened and closed here. */
  snapshots: SnapshotStore
  /** Its free space, which is above its reserve, is what snapshots may take. */
  chunks: ChunkStore
  fence: TermFence
  clock: Clock
  logger: Logger
}

/** Keeps snapshots of the metadata for the leading controller, and gives them back to whoever takes over from it. */
export class SnapshotKeeper {
  readonly #deps: SnapshotKeeperDeps
  readonly #places = new Budget(PIECES_MAX, WAITERS_MAX)
  /** Pieces kept, as far as is known: the same name put twice counts twice until the next listing. */
  #kept = 0
  #failure: PeerbinError | undefined

  constructor(deps: SnapshotKeeperDeps) {
    this.#deps = deps
  }

  /** Never rejects: a node whose snapshots are damaged still serves its chunks. */
  async open(): Promise<void> {
    const { snapshots, logger } = this.#deps
    try {
      await snapshots.open()
      this.#kept = (await snapshots.list()).length
    } catch (error) {
      this.#failure = asPeerbinError(error, 'store-failed')
      logger.error('snapshots of the metadata cannot be kept here', { err: error })
    }
  }

  async close(): Promise<void> {
    await this.#deps.snapshots.close()
  }

  async put(request: Request<'putSnapshot'>): Answer<'putSnapshot'> {
    const { fence, clock } = this.#deps
    const { term, name } = request.message
    const { body } = request
    checkSnapshotName(name)
    if (name.term > term) throw new PeerbinError('bad-request', 'a snapshot of a later term than its sender')
    if (body === undefined || body.sizeBytes === 0) {
      throw new PeerbinError('protocol-violation', 'a piece of a snapshot comes with its bytes')
    }
    if (body.sizeBytes > CHUNK_BYTES_MAX) throw new PeerbinError('chunk-too-large')
    await fence.admit(term)
    await this.#checkRoom(body.sizeBytes)
    using limit = deadline(clock, REQUEST_MS, request.signal)
    const place = await this.#places.acquire(1, limit.signal)
    try {
      const bytes = Buffer.allocUnsafeSlow(body.sizeBytes)
      await abortable(body.readInto(bytes), limit.signal)
      fence.check(term) // a later leader may have been heard while the bytes came
      await this.#opened().put(name, bytes)
      this.#kept++
      // whoever takes over lists what is here once a node knows its term: what was not there then is not acknowledged
      fence.check(term)
    } finally {
      place.release()
    }
    return { message: {} }
  }

  async get(request: Request<'getSnapshot'>): Answer<'getSnapshot'> {
    const { name } = request.message
    checkSnapshotName(name)
    using limit = deadline(this.#deps.clock, REQUEST_MS, request.signal)
    const place = await this.#places.acquire(1, limit.signal)
    try {
      const bytes = await this.#opened().get(name)
      if (bytes === undefined) {
        throw new PeerbinError('chunk-not-found', 'This piece of a snapshot is not kept here.')
      }
      return {
        message: {},
        body: { sizeBytes: bytes.byteLength, pieces: [bytes] },
        done: () => place.release()
      }
    } catch (error) {
      place.release()
      throw error
    }
  }

  async list(request: Request<'listSnapshots'>): Answer<'listSnapshots'> {
    const { after } = request.message
    const all = await this.#opened().list()
    this.#kept = all.length
    const left = after === undefined ? all : all.filter((name) => compareSnapshotNames(name, after) > 0)
    return { message: { names: left.slice(0, SNAPSHOT_NAMES_MAX), more: left.length > SNAPSHOT_NAMES_MAX } }
  }

  async drop(request: Request<'dropSnapshots'>): Answer<'dropSnapshots'> {
    const { term, names } = request.message
    names.forEach((name) => checkSnapshotName(name))
    await this.#deps.fence.admit(term)
    await this.#opened().remove(names satisfies SnapshotName[])
    return { message: {} }
  }

  async #checkRoom(sizeBytes: number): Promise<void> {
    const snapshots = this.#opened()
    const { freeBytes } = await this.#deps.chunks.usage()
    if (freeBytes < sizeBytes) throw new PeerbinError('store-full')
    if (this.#kept >= PIECES_KEPT_MAX) this.#kept = (await snapshots.list()).length
    if (this.#kept >= PIECES_KEPT_MAX) throw new PeerbinError('store-full', 'Too many pieces of snapshots.')
  }

  #opened(): SnapshotStore {
    if (this.#failure !== undefined) throw this.#failure
    return this.#deps.snapshots
  }
}
