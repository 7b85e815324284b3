/** Snapshots of the metadata on nodes, notes of what was redeemed since, and what an operator does after a recovery. This file only puts the parts together. */

import { PeerbinError } from '../../errors.ts'
import type { SnapshotSource } from '../../metadata-store.ts'
import type { ClusterStatus } from '../../protocol/messages.ts'
import type { RpcAnswer } from '../../protocol/rpc.ts'
import type { PeerId } from '../../types.ts'
import type { LoopsDeps } from '../loops.ts'
import type { ControllerPart } from '../part.ts'
import { Backups } from './backups.ts'
import { hasOtherHosts } from './holders.ts'
import { SnapshotWriter } from './node-snapshots.ts'
import { NoteBook } from './note-book.ts'
import type { Touched } from './note-book.ts'
import { Shipper } from './shipper.ts'
import { Tidier } from './tidy.ts'

export type { Touched } from './note-book.ts'

export interface Snapshots extends ControllerPart<'listSuspended' | 'resumeLinks'> {
  /** Null when the store offers no snapshots, or none are wanted. */
  status(): ClusterStatus['snapshot']
  /**
   * Resolves when two nodes on other machines, or as many as there are, will remember that this link was touched, whatever becomes of this machine. Saying it again is
   * harmless, and costs nothing once they have it.
   * @throws `copies-missing` when none could be told in time
   */
  note(touched: Touched, signal?: AbortSignal): Promise<void>
  /**
   * Resolves when everything that is committed by now is on as many nodes as make it safe from the loss of this machine; at once where none keep snapshots. Many that wait share one
   * shipping. @param at store's time: only of what was committed before that, which may be safe already @throws the signal's reason, `busy`, `shutting-down`
   */
  covered(signal: AbortSignal, at?: number): Promise<void>
  /** Called when the worker has something to do before its round. */
  onWanted(listener: () => void): void
  backup(
    request: { backup?: number | undefined; part: number },
    signal: AbortSignal
  ): Promise<RpcAnswer<{ backup: number; last: boolean }>>
  stop(): Promise<void>
}

export interface SnapshotsDeps extends LoopsDeps {
  /** Undefined: there are none to be had. */
  readonly source: SnapshotSource | undefined
}

export function createSnapshots(deps: SnapshotsDeps): Snapshots {
  const { source, clusterSecret: secret, store } = deps
  const handlers: Snapshots['handlers'] = {
    listSuspended: async ({ after, limit }) => ({ links: await store.listSuspended(after, limit) }),
    resumeLinks: async ({ tokenHashes }) => ({ resumed: await store.resumeLinks(tokenHashes) })
  }
  if (source === undefined || secret === undefined) return { ...withoutSnapshots(), handlers }
  const writer = new SnapshotWriter({
    rpc: deps.chunkRpc,
    timeoutMs: deps.config.controller.requestTimeoutMs,
    term: () => deps.leadership.term,
    onStale: (peer) => deps.leadership.lose('a node knows a greater term', { peer })
  })
  const shared = { ...deps, source, secret, term: () => deps.leadership.term, reader: writer }
  if (deps.config.snapshot.nodes === 0) {
    const backups = new Backups({ ...shared, shipper: undefined })
    return {
      ...withoutSnapshots(),
      handlers,
      backup: (request, signal) => backups.answer(request, signal),
      stop: () => backups.stop()
    }
  }
  return { ...withNodes({ ...shared, writer }), handlers }
}

type Parts = Omit<SnapshotsDeps, 'source'> & {
  source: SnapshotSource
  secret: Uint8Array
  writer: SnapshotWriter
  reader: SnapshotWriter
  term: () => LoopsDeps['leadership']['term']
}

function withNodes(parts: Parts): Omit<Snapshots, 'handlers'> {
  const { membership, network, brakes } = parts
  const counts = (peer: PeerId): boolean => {
    const ownHost = membership.get(network.self)?.host
    return !hasOtherHosts(membership.nodeHosts(), ownHost) || membership.get(peer)?.host !== ownHost
  }
  const shared = { ...parts, self: network.self, config: parts.config.snapshot, counts }
  let wanted = (): void => {}
  const shipper = new Shipper({
    ...shared,
    onWanted: () => wanted(),
    // the store's changes are committed in the order they come, and this is one
    settled: async (storeTime) => void (await parts.store.advanceTime(storeTime)),
    onEverywhere: async (position, signal) => {
      await notes.covered(position, signal)
      await tidier.catchUp(signal)
    },
    onBase: async (bases, signal) => await tidier.tidy(bases, signal)
  })
  const isFrozen = (): boolean => brakes.frozen !== null
  const tidier = new Tidier({ ...parts, keeps: () => backups.keeps, isFrozen })
  const notes = new NoteBook({ ...shared, shipped: shipper })
  const backups = new Backups({ ...parts, shipper })
  return {
    workers: [shipper],
    status: () => shipper.status(),
    note: async (touched, signal) => await notes.note(touched, signal),
    covered: async (signal, at) => await shipper.covered(signal, at),
    onWanted: (listener) => void (wanted = listener),
    backup: (request, signal) => backups.answer(request, signal),
    stop: async () => {
      shipper.stop()
      await notes.stop()
    }
  }
}

const withoutSnapshots = (): Omit<Snapshots, 'handlers'> => ({
  workers: [],
  status: () => null,
  note: async () => {},
  covered: async () => {},
  onWanted: () => {},
  backup: async () => {
    throw new PeerbinError(
      'bad-request',
      'The metadata of this cluster is kept in a way that has its own backups.'
    )
  },
  stop: async () => {}
})
