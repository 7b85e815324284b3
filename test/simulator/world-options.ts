/** What a simulated cluster is made of, and where a planted bug can sit in it. */

import type { PeerOptions } from '../../src/compose/peer.ts'
import type { RecoveryPlan } from '../../src/compose/recovery-run.ts'
import type { ChunkStore, Logger, SnapshotStore } from '../../src/interfaces.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import type { SyncParts } from '../../src/sync/engine-types.ts'
import type { Role } from '../../src/types.ts'
import type { MetadataDecorator, MetadataObserver } from './database.ts'
import type { SimEdge } from './edge.ts'
import type { Machine } from './machine.ts'
import type { Plan } from './plan.ts'
import type { SimProcess } from './sim-process.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Where a planted bug can sit; each gets what would be there and answers what is. */
export interface Planted {
  /** The metadata themselves: checks see it too, when they look. */
  readonly records?: (store: MetadataStore) => MetadataStore
  readonly metadata?: MetadataDecorator
  readonly chunks?: (store: ChunkStore, process: SimProcess, machine: Machine) => ChunkStore
  /** Where a node keeps snapshots of the metadata. */
  readonly pieces?: (store: SnapshotStore) => SnapshotStore
  readonly recovery?: (plan: RecoveryPlan) => RecoveryPlan
  readonly options?: (options: PeerOptions, role: Role) => PeerOptions
  readonly edge?: (edge: SimEdge) => void
  /** What a laptop with a synced folder has to do with. */
  readonly sync?: (parts: SyncParts) => SyncParts
  /** Over what the seed draws: a schedule in which the bug can show. */
  readonly plan?: Partial<Plan>
}

export interface WorldOptions {
  readonly seed: string
  readonly time: VirtualTime
  readonly nodes: number
  /** Machines that can lead: the first does at first. */
  readonly controllers: number
  readonly edges: number
  /** Machines that hold the nodes: fewer than nodes means that some share one. */
  readonly hosts: number
  /** Folder for SQLite's files; undefined: the metadata is in memory. */
  readonly folder?: string | undefined
  /** Longest time of a call to a disk, ms. */
  readonly ioMaxMs: number
  readonly coldNodes: number
  /** Nodes that keep snapshots of the metadata. */
  readonly snapshotNodes: number
  readonly planted?: Planted
  readonly logger?: Logger | undefined
  readonly observe: MetadataObserver
}
