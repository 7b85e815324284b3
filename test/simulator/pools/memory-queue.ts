/** What waits to be sent, on a simulated disk: each change is durable when it returns, and a crash leaves all of it or nothing. */

import type {
  BatchLimits,
  QueuedBatch,
  QueuedFile,
  QueueStore,
  QueueSummary,
  Refusal
} from '../../../src/pool-client/queue/store.ts'
import type { BatchId } from '../../../src/pools.ts'
import { ViolationError } from '../ledger.ts'
import type { SimProcess } from '../sim-process.ts'
import { labelOf, type PoolsLedger, type SentFile, type SimMember } from './pools-ledger.ts'

interface Queued {
  readonly file: QueuedFile
  readonly sent: SentFile
}

interface Contents {
  readonly files: ReadonlyMap<number, Queued>
  readonly batch: { readonly id: string; readonly files: readonly number[] } | undefined
}

/** Bytes that are there at once: those of other blobs come by threads, and a run would depend on them. */
export class MemoryBlob extends Blob {
  readonly content: Uint8Array

  constructor(content: Uint8Array) {
    super([content.slice()])
    this.content = content
  }
}

export class QueueDisk {
  #files = new Map<number, Queued>()
  #batch: { readonly id: string; readonly files: readonly number[] } | undefined
  #nextId = 1

  /** Takes a file in, unless one of its name and timestamp waits already. */
  add(sent: SentFile, queuedAt: number): void {
    const { name, at, written } = sent
    if ([...this.#files.values()].some(({ file }) => file.name === name && file.at === at)) return
    const id = this.#nextId++
    const file: QueuedFile = {
      id,
      name,
      at,
      sizeBytes: written.content.byteLength,
      sha256: written.sha256,
      mediaType: 'application/octet-stream',
      metadata: { n: String(id) },
      queuedAt,
      notBefore: 0,
      refused: null
    }
    this.#files.set(id, { file, sent })
  }

  get files(): Map<number, Queued> {
    return this.#files
  }

  get batch(): Contents['batch'] {
    return this.#batch
  }

  set batch(batch: Contents['batch']) {
    this.#batch = batch
  }

  /** Files that were not set aside. */
  get waiting(): number {
    return [...this.#files.values()].filter(({ file }) => file.refused === null).length
  }

  copy(): Contents {
    return { files: new Map(this.#files), batch: this.#batch }
  }

  /** As from a backup: what came since is gone, what was sent since waits again. */
  restore({ files, batch }: Contents): void {
    this.#files = new Map(files)
    this.#batch = batch
  }
}

export interface MemoryQueueDeps {
  readonly disk: QueueDisk
  readonly process: SimProcess
  readonly member: SimMember
  readonly ledger: PoolsLedger
  readonly onRefused: (code: string) => void
}

export class MemoryQueue implements QueueStore {
  readonly #deps: MemoryQueueDeps

  constructor(deps: MemoryQueueDeps) {
    this.#deps = deps
  }

  nextBatch(limits: BatchLimits, newId: () => string, now: number): QueuedBatch | undefined {
    const { disk, ledger, member } = this.#deps
    if (disk.batch === undefined) {
      const chosen = this.#chosen(limits, now)
      if (chosen.length === 0) return undefined
      const id = newId() as BatchId
      disk.batch = { id, files: chosen.map(({ file }) => file.id) }
      ledger.batches.set(id, { id, member, files: chosen.map(({ sent }) => sent), state: 'open' })
    }
    const files = disk.batch.files.flatMap((id) => disk.files.get(id)?.file ?? [])
    return { id: disk.batch.id, files }
  }

  #chosen({ filesMax, bytesMax }: BatchLimits, now: number): Queued[] {
    let bytes = 0
    return [...this.#deps.disk.files.values()]
      .filter(({ file }) => file.refused === null && file.notBefore <= now)
      .toSorted((a, b) => a.file.at - b.file.at || a.file.id - b.file.id)
      .slice(0, filesMax)
      .filter(({ file }, place) => (bytes += file.sizeBytes) <= bytesMax || place === 0)
  }

  async sent(batch: string): Promise<void> {
    const { disk, process } = this.#deps
    await process.io('queue.sent', () => {
      if (disk.batch?.id !== batch) return
      for (const id of disk.batch.files) disk.files.delete(id)
      disk.batch = undefined
    })
  }

  dissolve(batch: string): void {
    const { disk } = this.#deps
    if (disk.batch?.id === batch) disk.batch = undefined
  }

  refuse(batch: string, files: readonly number[], why: Refusal | { notBefore: number }): void {
    const { disk } = this.#deps
    this.dissolve(batch)
    for (const id of files) {
      const queued = disk.files.get(id)
      if (queued === undefined) continue
      if ('code' in why) this.#judge(queued, why.code)
      const change = 'code' in why ? { refused: why } : why
      disk.files.set(id, { ...queued, file: { ...queued.file, ...change } })
    }
  }

  /** Whether the server can have said that. */
  #judge({ sent }: Queued, code: string): void {
    const { ledger, member, onRefused } = this.#deps
    onRefused(code)
    const { toleranceMs, maxAgeMs } = member.pool.settings
    const others = ledger.variantsOf(`${member.pool.id} ${member.user.id} ${sent.at} ${sent.name}`)
    const isExpected =
      (code === 'file-conflict' && others.length > 1) ||
      (code === 'timestamp-too-old' && sent.at < ledger.storeMs - maxAgeMs + toleranceMs)
    if (!isExpected) throw new ViolationError('batches', `${labelOf(sent)} is refused: ${code}`)
  }

  async bytes({ id }: QueuedFile): Promise<Blob> {
    const { disk, process } = this.#deps
    return await process.io('queue.bytes', () => {
      const queued = disk.files.get(id)
      if (queued === undefined) throw new Error('the bytes of a file that waits are gone')
      return new MemoryBlob(queued.sent.written.content)
    })
  }

  async verify(): Promise<boolean> {
    return true
  }

  summary(): QueueSummary {
    const files = [...this.#deps.disk.files.values()].map(({ file }) => file)
    const waiting = files.filter(({ refused }) => refused === null)
    const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    return { files: waiting.length, bytes, refused: files.length - waiting.length, sent: 0 }
  }

  nextAt(): number | null {
    const held = [...this.#deps.disk.files.values()].filter(({ file }) => file.refused === null)
    return held.length === 0 ? null : Math.min(...held.map(({ file }) => file.notBefore))
  }
}
