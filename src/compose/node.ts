import type { ChunkStore } from '../interfaces.ts'
import { StorageNode } from '../node/storage-node.ts'
import { chunkStore } from './chunk-store.ts'
import { openPeer } from './peer.ts'
import type { PeerOptions } from './peer.ts'
import { RunningPeer } from './running-peer.ts'

export interface NodeOptions extends PeerOptions {
  /** Where chunks are kept in place of LevelDB in the data folder (or memory, without one). Not opened yet; closed at the end. */
  store?: ChunkStore | undefined
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
    const node = new StorageNode({
      network: peer.network,
      store: chunkStore(peer, options.store),
      membership: peer.membership,
      chunkRpc: peer.chunkRpc,
      controller: peer.controller,
      term: peer.state.term,
      boot: () => peer.announcer.boot,
      host: peer.host,
      clock: peer.clock,
      random: peer.random,
      logger: peer.logger,
      config: peer.config
    })
    peer.describeBy(() => node.describe())
    return new RunningNode(peer, { before: [node] })
  } catch (error) {
    peer.close()
    throw error
  }
}
