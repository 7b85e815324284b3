import { PeerbinError } from '../../errors.ts'
import type { SnapshotName, SnapshotStore } from '../../interfaces.ts'
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts'
import { checkSnapshotName, compareSnapshotNames } from '../../protocol/snapshot-names.ts'

/** The reference model: keeps its pieces over close and open, not over the process. */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #pieces = new Map<string, { name: SnapshotName; bytes: Uint8Array }>()
  #isOpen = false

  async open(): Promise<void> {
    this.#isOpen = true
  }

  async close(): Promise<void> {
    this.#isOpen = false
  }

  async put(name: SnapshotName, bytes: Uint8Array): Promise<void> {
    this.#checkOpen()
    checkSnapshotName(name)
    if (bytes.byteLength > CHUNK_BYTES_MAX) throw new PeerbinError('chunk-too-large')
    this.#pieces.set(keyOf(name), { name: plain(name), bytes: Uint8Array.from(bytes) })
  }

  async get(name: SnapshotName): Promise<Uint8Array | undefined> {
    this.#checkOpen()
    return this.#pieces.get(keyOf(name))?.bytes.slice()
  }

  async list(): Promise<Array<SnapshotName & { sizeBytes: number }>> {
    this.#checkOpen()
    return [...this.#pieces.values()]
      .map(({ name, bytes }) => ({ ...name, sizeBytes: bytes.byteLength }))
      .sort(compareSnapshotNames)
  }

  async remove(names: readonly SnapshotName[]): Promise<void> {
    this.#checkOpen()
    for (const name of names) this.#pieces.delete(keyOf(name))
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw new PeerbinError('shutting-down', 'The snapshot store is not open.')
  }
}

const plain = ({ term, base, kind, sequence, part, parts }: SnapshotName): SnapshotName => ({
  term,
  base,
  kind,
  sequence,
  part,
  parts
})

const keyOf = ({ term, base, kind, sequence, part, parts }: SnapshotName): string =>
  [term, base, kind, sequence, part, parts].join()
