/** What a synced folder remembers, in memory: survives an engine that is thrown away. */

import type { BlockRef } from '../../src/sync/remote.ts'
import type {
  BaseFile,
  LocalBlock,
  LocalDigest,
  PendingArrival,
  PendingCommit,
  PendingMove,
  PendingRemoval,
  PendingRename,
  SavedState,
  StateChange,
  SyncState
} from '../../src/sync/state.ts'

export class MemoryState implements SyncState {
  readonly base = new Map<string, BaseFile>()
  readonly digests = new Map<string, { file: LocalDigest; blocks: readonly BlockRef[] }>()
  readonly commits = new Map<string, PendingCommit>()
  readonly arrivals = new Map<string, PendingArrival>()
  readonly moves = new Map<string, PendingMove>()
  readonly removals = new Map<string, PendingRemoval>()
  readonly renames = new Map<string, PendingRename>()
  epoch: string | undefined
  onSave: (moment: 'before' | 'after') => void = () => {}

  async load(): Promise<SavedState> {
    return {
      base: [...this.base.values()],
      digests: [...this.digests.values()].map(({ file }) => file),
      commits: [...this.commits.values()],
      arrivals: [...this.arrivals.values()],
      moves: [...this.moves.values()],
      removals: [...this.removals.values()],
      renames: [...this.renames.values()],
      epoch: this.epoch
    }
  }

  async save(changes: readonly StateChange[]): Promise<void> {
    await Promise.resolve()
    this.onSave('before')
    for (const change of changes) this.#apply(change)
    const paths = [...this.base.values()].map((file) => file.path)
    if (new Set(paths).size !== paths.length)
      throw new Error(`two files of the base at a path: ${paths.join()}`)
    this.onSave('after')
  }

  #apply(change: StateChange): void {
    if ('put' in change) {
      if (change.put === 'base') this.base.set(change.file.id, change.file)
      else if (change.put === 'digest') this.digests.set(change.file.path, change)
      else if (change.put === 'arrival') this.arrivals.set(change.file.path, change.file)
      else if (change.put === 'move') this.moves.set(change.move.id, change.move)
      else if (change.put === 'removal') this.removals.set(change.removal.id, change.removal)
      else if (change.put === 'rename') this.renames.set(change.rename.id, change.rename)
      else if (change.put === 'epoch') this.epoch = change.epoch
      else this.commits.set(change.commit.path, change.commit)
    } else if (change.drop === 'base') this.base.delete(change.id)
    else if (change.drop === 'move') this.moves.delete(change.id)
    else if (change.drop === 'removal') this.removals.delete(change.id)
    else if (change.drop === 'rename') this.renames.delete(change.id)
    else if (change.drop === 'digest') this.digests.delete(change.path)
    else if (change.drop === 'arrival') this.arrivals.delete(change.path)
    else this.commits.delete(change.path)
  }

  async blocks(path: string, stamp: string): Promise<BlockRef[] | undefined> {
    const held = this.digests.get(path)
    return held?.file.stamp === stamp ? [...held.blocks] : undefined
  }

  async find(digests: readonly string[]): Promise<ReadonlyMap<string, LocalBlock>> {
    const found = new Map<string, LocalBlock>()
    for (const { file, blocks } of this.digests.values()) {
      let start = 0
      for (const { digest, sizeBytes } of blocks) {
        if (digests.includes(digest))
          found.set(digest, { path: file.path, stamp: file.stamp, start, sizeBytes })
        start += sizeBytes
      }
    }
    return found
  }
}
