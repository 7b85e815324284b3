/** Snapshots of the metadata on the disk of a simulated node: they outlive its processes, and go with the disk. */

import { PeerbinError } from '../../src/errors.ts'
import type { SnapshotName, SnapshotStore } from '../../src/interfaces.ts'
import { CHUNK_BYTES_MAX } from '../../src/protocol/limits.ts'
import { checkSnapshotName, compareSnapshotNames } from '../../src/protocol/snapshot-names.ts'
import type { Disk } from './disk.ts'
import type { SimProcess } from './sim-process.ts'

interface KeptPiece {
  readonly name: SnapshotName
  readonly bytes: Uint8Array
}

/** Pieces that are durable. */
export class KeptPieces {
  #pieces = new Map<string, KeptPiece>()

  get all(): readonly KeptPiece[] {
    return [...this.#pieces.values()]
  }

  set(piece: KeptPiece): void {
    this.#pieces.set(keyOf(piece.name), piece)
  }

  get(name: SnapshotName): KeptPiece | undefined {
    return this.#pieces.get(keyOf(name))
  }

  remove(names: readonly SnapshotName[]): void {
    for (const name of names) this.#pieces.delete(keyOf(name))
  }

  clear(): void {
    this.#pieces.clear()
  }

  /** Everything as it is now, for `replace`. */
  copy(): ReadonlyMap<string, KeptPiece> {
    return new Map(this.#pieces)
  }

  replace(pieces: ReadonlyMap<string, KeptPiece>): void {
    this.#pieces = new Map(pieces)
  }
}

/** A process's way to them. Each call is atomic; the process can die at each (see SimProcess.io). */
export class KeptPiecesStore implements SnapshotStore {
  readonly #disk: Pick<Disk, 'failing'>
  readonly #pieces: KeptPieces
  readonly #process: Pick<SimProcess, 'io' | 'chance'>
  #isOpen = false

  constructor(deps: {
    readonly disk: Pick<Disk, 'failing'>
    readonly pieces: KeptPieces
    readonly process: Pick<SimProcess, 'io' | 'chance'>
  }) {
    this.#disk = deps.disk
    this.#pieces = deps.pieces
    this.#process = deps.process
  }

  async open(): Promise<void> {
    await this.#process.io('pieces.open', () => undefined)
    this.#isOpen = true
  }

  async close(): Promise<void> {
    this.#isOpen = false
  }

  async put(name: SnapshotName, bytes: Uint8Array): Promise<void> {
    this.#check()
    checkSnapshotName(name)
    if (bytes.byteLength > CHUNK_BYTES_MAX) throw new PeerbinError('chunk-too-large')
    const { term, base, kind, sequence, part, parts } = name
    const piece = { name: { term, base, kind, sequence, part, parts }, bytes: Uint8Array.from(bytes) }
    await this.#write('put', () => this.#pieces.set(piece))
  }

  async get(name: SnapshotName): Promise<Uint8Array | undefined> {
    this.#check()
    return await this.#process.io('pieces.get', () => this.#pieces.get(name)?.bytes.slice())
  }

  async list(): Promise<Array<SnapshotName & { sizeBytes: number }>> {
    this.#check()
    return await this.#process.io('pieces.list', () =>
      this.#pieces.all
        .map(({ name, bytes }) => ({ ...name, sizeBytes: bytes.byteLength }))
        .sort(compareSnapshotNames)
    )
  }

  async remove(names: readonly SnapshotName[]): Promise<void> {
    this.#check()
    await this.#write('remove', () => this.#pieces.remove(names))
  }

  /** As chunks on a disk that fails: with its effect or without, and nobody is told which. */
  async #write(what: string, work: () => void): Promise<void> {
    await this.#process.io(`pieces.${what}`, () => {
      if (!this.#disk.failing) return work()
      if (this.#process.chance.happens(0.5)) work()
      throw new PeerbinError('store-failed')
    })
  }

  #check(): void {
    if (!this.#isOpen) throw new PeerbinError('shutting-down', 'The snapshot store is not open.')
  }
}

const keyOf = ({ term, base, kind, sequence, part, parts }: SnapshotName): string =>
  [term, base, kind, sequence, part, parts].join()
