import { join } from 'node:path'
import type { ChunkStore, SnapshotStore } from '../interfaces.ts'
import { LevelSnapshotStore } from '../node/store/level-snapshot-store.ts'
import { MemorySnapshotStore } from '../node/store/memory-snapshot-store.ts'
import { StorageNode } from '../node/storage-node.ts'
import { chunkStore } from './chunk-store.ts'
import { memoryNodeCells, openNodeCells } from './data-folder.ts'
import type { NodeCells } from './data-folder.ts'
import { openPeer } from './peer.ts'
import type { Peer, PeerOptions } from './peer.ts'
import { RunningPeer } from './running-peer.ts'

const SNAPSHOT_FOLDER = 'snapshots'

export interface NodeOptions extends PeerOptions {
  /** Where chunks are kept in place of LevelDB in the data folder (or memory, without one). Not opened yet; closed at the end. */
  store?: ChunkStore | undefined
  /** Where snapshots of the metadata are kept in place of LevelDB in the data folder (or memory). Not opened yet; closed at the end. */
  snapshots?: SnapshotStore | undefined
  /** What the node remembers over restarts, in place of its data folder (or memory): goes with `state`. */
  cells?: NodeCells | undefined
}

/** A storage daemon: holds chunks, passes them on to its peers, and proves what it holds. */
export class RunningNode extends RunningPeer {}

/**
 * Makes a storage daemon, not started.
 * @throws `data-in-use`, `data-incompatible`, `config-invalid`, `join-string-invalid` (also when no cluster is known), `local-file`
 */
export async function createNode(options: NodeOptions): Promise<RunningNode> {
  const peer = await openPeer('node', options)
  try {
    const { folder } = peer.state
    const cells = options.cells ?? (folder === undefined ? memoryNodeCells() : await openNodeCells(folder))
    const node = new StorageNode({
      network: peer.network,
      store: chunkStore(peer, options.store),
      snapshots: options.snapshots ?? snapshotStore(peer),
      membership: peer.membership,
      chunkRpc: peer.chunkRpc,
      controller: peer.controller,
      term: peer.state.term,
      ...cells,
      boot: () => peer.announcer.boot,
      announce: () => peer.announcer.announceNow(),
      host: peer.host,
      clock: peer.clock,
      random: peer.random,
      logger: peer.logger,
      config: peer.config
    })
    peer.describeBy(() => node.describe())
    peer.announcer.onRetired(() => node.retire())
    return new RunningNode(peer, { before: [node] })
  } catch (error) {
    peer.close()
    throw error
  }
}

function snapshotStore(peer: Peer): SnapshotStore {
  if (peer.state.folder === undefined) return new MemorySnapshotStore()
  return new LevelSnapshotStore({
    folder: join(peer.state.folder, SNAPSHOT_FOLDER),
    onFailure: (failure) => peer.reportFailure(failure)
  })
}
