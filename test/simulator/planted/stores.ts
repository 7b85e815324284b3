/** Mistakes of a chunk store, around the simulator's. */

import { PeerbinError } from '../../../src/errors.ts'
import type {
  ChunkStore,
  ListOptions,
  ReadOptions,
  SignalOptions,
  SnapshotStore
} from '../../../src/interfaces.ts'
import { ForwardingChunkStore } from '../../../src/node/store/forwarding.ts'
import { matchesId } from '../../../src/protocol/ids.ts'
import type { ChunkId, ChunkInfo, Generation } from '../../../src/types.ts'
import type { Machine } from '../machine.ts'
import type { SimProcess } from '../sim-process.ts'

/** What was not synced is written after so long, unless the process dies before. */
const SYNC_LATE_MS = 8000

class AckBeforeSync extends ForwardingChunkStore {
  readonly #process: SimProcess
  readonly #unsynced = new Map<ChunkId, { bytes: Uint8Array; info: ChunkInfo }>()

  constructor(store: ChunkStore, process: SimProcess) {
    super(store)
    this.#process = process
  }

  override async put(id: ChunkId, bytes: Uint8Array, generation: Generation): Promise<ChunkInfo> {
    if (!matchesId(id, bytes) || (await this.inner.stat(id)) !== undefined)
      return await this.inner.put(id, bytes, generation)
    const now = this.#process.clock.now()
    const info = {
      id,
      sizeBytes: bytes.byteLength,
      generation,
      storedAt: now,
      verifiedAt: now,
      manifest: false
    }
    const own = bytes.slice()
    this.#unsynced.set(id, { bytes: own, info })
    this.#process.clock.setTimer(SYNC_LATE_MS, () => {
      void this.inner.put(id, own, generation).then(() => this.#unsynced.delete(id))
    })
    return info
  }

  override async get(id: ChunkId, options: ReadOptions = {}): Promise<Uint8Array> {
    const held = this.#unsynced.get(id)
    if (held === undefined) return await this.inner.get(id, options)
    const start = options.offset ?? 0
    return held.bytes.slice(start, options.length === undefined ? undefined : start + options.length)
  }

  override async stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    return this.#unsynced.get(id)?.info ?? (await this.inner.stat(id))
  }
}

/** What is deleted is forgotten in memory, and on the disk until it is read anew. */
class DeleteUnsynced extends ForwardingChunkStore {
  readonly #hidden = new Set<ChunkId>()

  override async put(
    id: ChunkId,
    bytes: Uint8Array,
    generation: Generation,
    options?: SignalOptions
  ): Promise<ChunkInfo> {
    const info = await this.inner.put(id, bytes, generation, options)
    this.#hidden.delete(id)
    return info
  }

  override async get(id: ChunkId, options?: ReadOptions): Promise<Uint8Array> {
    if (this.#hidden.has(id)) throw new PeerbinError('chunk-not-found')
    return await this.inner.get(id, options)
  }

  override async stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    return this.#hidden.has(id) ? undefined : await this.inner.stat(id)
  }

  override async list(options: ListOptions): Promise<ChunkInfo[]> {
    const listed = await this.inner.list(options)
    return listed.filter(({ id }) => !this.#hidden.has(id))
  }

  override async delete(id: ChunkId, generation: Generation): Promise<boolean> {
    const info = await this.inner.stat(id)
    if (info !== undefined && info.generation > generation) return false
    this.#hidden.add(id)
    return true
  }
}

class IgnoreGenerations extends ForwardingChunkStore {
  override async delete(id: ChunkId): Promise<boolean> {
    return await this.inner.delete(id, Number.MAX_SAFE_INTEGER as Generation)
  }
}

class RememberWipedChunks extends ForwardingChunkStore {
  readonly #known: Map<ChunkId, ChunkInfo>

  constructor(store: ChunkStore, known: Map<ChunkId, ChunkInfo>) {
    super(store)
    this.#known = known
  }

  override async put(
    id: ChunkId,
    bytes: Uint8Array,
    generation: Generation,
    options?: SignalOptions
  ): Promise<ChunkInfo> {
    const known = this.#known.get(id)
    if (known !== undefined) return { ...known, generation }
    const info = await this.inner.put(id, bytes, generation, options)
    this.#known.set(id, info)
    return info
  }

  override async delete(id: ChunkId, generation: Generation): Promise<boolean> {
    const gone = await this.inner.delete(id, generation)
    if (gone) this.#known.delete(id)
    return gone
  }
}

/** Whatever the disk has is as it should be. */
class TrustDisk extends ForwardingChunkStore {
  readonly #machine: Machine

  constructor(store: ChunkStore, machine: Machine) {
    super(store)
    this.#machine = machine
  }

  override async get(id: ChunkId, options: ReadOptions = {}): Promise<Uint8Array> {
    const held = this.#machine.disk.chunks.get(id)
    if (held === undefined) return await this.inner.get(id, options)
    const start = options.offset ?? 0
    return held.bytes.slice(start, options.length === undefined ? undefined : start + options.length)
  }
}

export const trustDisk = (store: ChunkStore, _process: SimProcess, machine: Machine): ChunkStore =>
  new TrustDisk(store, machine)

/** A node that says that it took note, and does not. */
export const dropNotes = (store: SnapshotStore): SnapshotStore => ({
  open: () => store.open(),
  close: () => store.close(),
  put: async (name, bytes) => {
    if (name.kind !== 'note') await store.put(name, bytes)
  },
  get: (name) => store.get(name),
  list: () => store.list(),
  remove: (names) => store.remove(names)
})

export const ackBeforeSync = (store: ChunkStore, process: SimProcess): ChunkStore =>
  new AckBeforeSync(store, process)

export const deleteUnsynced = (store: ChunkStore): ChunkStore => new DeleteUnsynced(store)

export const ignoreGenerations = (store: ChunkStore): ChunkStore => new IgnoreGenerations(store)

/** The memory outlives processes and disks. */
export function rememberWipedChunks(): (
  store: ChunkStore,
  process: SimProcess,
  machine: Machine
) => ChunkStore {
  const known = new Map<Machine, Map<ChunkId, ChunkInfo>>()
  return (store, _process, machine) => {
    const own = known.get(machine) ?? new Map<ChunkId, ChunkInfo>()
    known.set(machine, own)
    return new RememberWipedChunks(store, own)
  }
}
