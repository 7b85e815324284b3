/** What a sync remembers, on a simulated disk: all of a step is durable when it resolves, and a crash leaves all of it or nothing. */

import type { BlockRef } from '../../../src/sync/remote.ts'
import type { LocalBlock, SavedState, StateChange, SyncState } from '../../../src/sync/state.ts'
import type { SimProcess } from '../sim-process.ts'
import type { LaptopDisk } from './laptop-disk.ts'

export class MemoryState implements SyncState {
  readonly #disk: LaptopDisk
  readonly #process: SimProcess

  constructor(disk: LaptopDisk, process: SimProcess) {
    this.#disk = disk
    this.#process = process
  }

  async load(): Promise<SavedState> {
    const { base, digests, commits, arrivals, moves, removals, renames, epoch } = this.#disk
    return await this.#process.io('state.load', () => ({
      base: [...base.values()].map((file) => ({ ...file })),
      digests: [...digests.values()].map(({ file }) => ({ ...file })),
      commits: [...commits.values()].map((commit) => ({ ...commit })),
      arrivals: [...arrivals.values()].map((file) => ({ ...file })),
      moves: [...moves.values()],
      removals: [...removals.values()],
      renames: [...renames.values()],
      epoch
    }))
  }

  async save(changes: readonly StateChange[]): Promise<void> {
    const own = structuredClone(changes)
    await this.#process.io('state.save', () => {
      for (const change of own) this.#apply(change)
    })
  }

  async blocks(path: string, stamp: string): Promise<BlockRef[] | undefined> {
    return await this.#process.io('state.blocks', () => {
      const known = this.#disk.digests.get(path)
      return known?.file.stamp === stamp ? known.blocks.map((block) => ({ ...block })) : undefined
    })
  }

  async find(digests: readonly string[]): Promise<ReadonlyMap<string, LocalBlock>> {
    return await this.#process.io('state.find', () => {
      const found = new Map<string, LocalBlock>()
      for (const { file, blocks } of this.#disk.digests.values()) {
        let start = 0
        for (const { digest, sizeBytes } of blocks) {
          const { path, stamp } = file
          if (digests.includes(digest)) found.set(digest, { path, stamp, start, sizeBytes })
          start += sizeBytes
        }
      }
      return found
    })
  }

  #apply(change: StateChange): void {
    const { base, digests, commits, arrivals, moves, removals, renames } = this.#disk
    if ('drop' in change) {
      if ('id' in change)
        ({ base, move: moves, removal: removals, rename: renames })[change.drop].delete(change.id)
      else ({ digest: digests, commit: commits, arrival: arrivals })[change.drop].delete(change.path)
    } else if (change.put === 'base') {
      const { file } = change
      for (const [id, other] of base) if (other.path === file.path) base.delete(id)
      base.set(file.id, file)
    } else if (change.put === 'digest')
      digests.set(change.file.path, { file: change.file, blocks: change.blocks })
    else if (change.put === 'arrival') arrivals.set(change.file.path, change.file)
    else if (change.put === 'move') moves.set(change.move.id, change.move)
    else if (change.put === 'removal') removals.set(change.removal.id, change.removal)
    else if (change.put === 'rename') renames.set(change.rename.id, change.rename)
    else if (change.put === 'epoch') this.#disk.epoch = change.epoch
    else commits.set(change.commit.path, change.commit)
  }
}
