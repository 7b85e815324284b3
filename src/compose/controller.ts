import { Controller } from '../controller/controller.ts'
import { MemoryMetadataStore } from '../metadata/memory-metadata-store.ts'
import { SqliteMetadataStore } from '../metadata/sqlite-metadata-store.ts'
import { PeerbinError } from '../errors.ts'
import type { Service } from '../interfaces.ts'
import type { MetadataStore, SnapshotSource } from '../metadata-store.ts'
import type { ClusterStatus } from '../protocol/messages.ts'
import type { Term } from '../types.ts'
import { newClusterKey } from './cluster-key.ts'
import { metadataFile, refuseUnfinished } from './controller-folder.ts'
import { openPeer } from './peer.ts'
import type { Peer, PeerOptions } from './peer.ts'
import { RunningPeer } from './running-peer.ts'

export interface ControllerOptions extends PeerOptions {
  /** Where the metadata is kept in place of SQLite in the data folder (or memory, without one). Not opened yet; closed at the end. */
  store?: MetadataStore | undefined
  /** Where snapshots of that store come from, if it offers any; nodes keep them. */
  snapshots?: SnapshotSource | undefined
  /**
   * Told at the start, while there is no administrator: whoever opens `/setup#SECRET` of an edge, and gives a name and a password, is the first one. A new secret each time; it is
   * for a person's eyes, and must reach no log.
   */
  onSetupSecret?: ((secret: string) => void) | undefined
}

/** A controller: knows which file is made of which chunks, where they are, and which link may still be redeemed. */
export class RunningController extends RunningPeer {
  readonly #controller: Controller

  constructor(peer: Peer, controller: Controller) {
    super(peer, { before: [controller, lineageCheck(peer, controller)] })
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
 * @throws `data-in-use`, `data-incompatible`, `config-invalid`, `join-string-invalid`, `recovery-refused` (one was begun there and has not ended), `local-file`
 */
export async function createController(options: ControllerOptions = {}): Promise<RunningController> {
  if (options.data !== undefined) refuseUnfinished(options.data)
  const peer = await openPeer('controller', options, newClusterKey)
  try {
    const kept = options.store === undefined ? metadataOf(peer) : { ...options, store: options.store }
    const controller = new Controller({
      network: peer.network,
      ...kept,
      clusterSecret: peer.cluster.secret,
      host: peer.host,
      membership: peer.membership,
      chunkRpc: peer.chunkRpc,
      clock: peer.clock,
      random: peer.random,
      logger: peer.logger,
      config: peer.config,
      onSetupSecret: options.onSetupSecret
    })
    const watch = lossWatch(controller, (failure) => {
      peer.logger.error(failure.message)
      options.onFailure?.(failure)
    })
    peer.describeBy(async () => watch(await controller.describe()))
    return new RunningController(peer, controller)
  } catch (error) {
    peer.close()
    throw error
  }
}

interface Kept {
  store: MetadataStore
  snapshots?: SnapshotSource | undefined
}

function metadataOf(peer: Peer): Kept {
  if (peer.state.folder === undefined) return { store: new MemoryMetadataStore() }
  const store = new SqliteMetadataStore({
    file: metadataFile(peer.state.folder),
    operationsWaitingMax: peer.config.controller.operationsWaitingMax,
    logger: peer.logger,
    onFailure: (failure) => peer.reportFailure(failure)
  })
  return { store, snapshots: store.snapshots }
}

/**
 * A controller that was recovered elsewhere leads in terms its predecessor never reaches. Who has heard of that, in this life or an earlier one, must not lead again,
 * also while the other is away.
 */
function lineageCheck({ state }: Peer, controller: Controller): Service {
  return {
    start: async () => {
      const heard = state.term.get()
      if (heard >= controller.term)
        throw new PeerbinError(
          'term-stale',
          `Another controller leads this cluster in term ${heard}; the metadata here ended before, and must not be used again.`
        )
      await state.term.set(controller.term)
    },
    stop: async () => {}
  }
}

/** Tells once that a controller no longer leads, as its heartbeat shows it: the process has to end. */
function lossWatch<T extends { term: Term }>(
  controller: Controller,
  onLost: (failure: PeerbinError) => void
): (description: T) => T {
  let told = false
  return (description) => {
    if (description.term === 0 && controller.term > 0 && !told) {
      told = true
      onLost(
        new PeerbinError(
          'term-stale',
          'Another controller leads this cluster now, or has led it since the metadata here was written. This one stops, and its data folder must not be used again.'
        )
      )
    }
    return description
  }
}
