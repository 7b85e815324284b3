/** What a node in memory keeps over its restarts. */

import type { ChunkStore, SnapshotStore } from '../../src/interfaces.ts'
import { NEVER_SCRUBBED } from '../../src/node/scrubber.ts'
import type { ScrubState } from '../../src/node/scrubber.ts'
import { MemorySnapshotStore } from '../../src/node/store/memory-snapshot-store.ts'
import { type Cell, memoryCell } from '../../src/runtime/cell.ts'
import type { Term } from '../../src/types.ts'
import { newProcessMemory } from './participant.ts'
import type { ProcessMemory } from './participant.ts'

/** What a node keeps from one run to the next. */
export interface NodeMemory extends ProcessMemory {
  readonly store: ChunkStore
  readonly snapshots: SnapshotStore
  /** Greatest term the node has obeyed or heard. */
  readonly term: Cell<Term>
  readonly draining: Cell<boolean>
  readonly scrub: Cell<ScrubState>
}

export const newNodeMemory = (store: ChunkStore): NodeMemory => ({
  ...newProcessMemory(),
  store,
  snapshots: new MemorySnapshotStore(),
  term: memoryCell(0 as Term),
  draining: memoryCell(false),
  scrub: memoryCell(NEVER_SCRUBBED)
})
