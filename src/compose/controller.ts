import { join } from 'node:path'
import { Controller } from '../controller/controller.ts'
import { MemoryMetadataStore } from '../metadata/memory-metadata-store.ts'
import { SqliteMetadataStore } from '../metadata/sqlite-metadata-store.ts'
import type { MetadataStore } from '../metadata-store.ts'
import type { ClusterStatus } from '../protocol/messages.ts'
import type { Term } from '../types.ts'
import { newClusterKey } from './cluster-key.ts'
import { openPeer } from './peer.ts'
import type { Peer, PeerOptions } from './peer.ts'
import { RunningPeer } from './running-peer.ts'

export interface ControllerOptions extends PeerOptions {
  /** Where the metadata is kept in place of SQLite in the data folder (or memory, without one). Not opened yet; closed at the end. */
  store?: MetadataStore | undefined
}

/** A controller: knows which file is made of which chunks, where they are, and which link may still be redeemed. */
export class RunningController extends RunningPeer {
  readonly #controller: Controller

  constructor(peer: Peer, controller: Controller) {
    super(peer, { before: [controller] })
    this.#controller = controller
  }

  /** Fencing term it leads with; after the start. */
  get term(): Term {
    return this.#controller.term
  }

  status(): Promise<ClusterStatus> {
    return this.#controller.status()
  }
}

/**
 * Makes a controller, not started. Without `join` and `cluster` it founds a cluster (once for a data folder); `joinString` then lets others in.
 * @throws `data-in-use`, `data-incompatible`, `config-invalid`, `join-string-invalid`, `local-file`
 */
export async function createController(options: ControllerOptions = {}): Promise<RunningController> {
  const peer = await openPeer('controller', options, newClusterKey)
  try {
    const controller = new Controller({
      network: peer.network,
      store: options.store ?? metadataStore(peer),
      membership: peer.membership,
      chunkRpc: peer.chunkRpc,
      clock: peer.clock,
      random: peer.random,
      logger: peer.logger,
      config: peer.config
    })
    peer.describeBy(() => controller.describe())
    return new RunningController(peer, controller)
  } catch (error) {
    peer.close()
    throw error
  }
}

function metadataStore(peer: Peer): MetadataStore {
  if (peer.state.folder === undefined) return new MemoryMetadataStore()
  return new SqliteMetadataStore({
    file: join(peer.state.folder, 'metadata.db'),
    operationsWaitingMax: peer.config.controller.operationsWaitingMax,
    logger: peer.logger,
    onFailure: (failure) => peer.reportFailure(failure)
  })
}
