/** Where a node keeps its chunks, with what guards it: the order of the guards is decided here, and only here. */

import { join } from 'node:path'
import type { PeerbinError } from '../errors.ts'
import type { ChunkStore } from '../interfaces.ts'
import { isDamage, withRemedy } from '../node/store/leveldb.ts'
import { LevelChunkStore } from '../node/store/level-chunk-store.ts'
import { LimitedChunkStore } from '../node/store/limited.ts'
import { MemoryChunkStore } from '../node/store/memory-chunk-store.ts'
import { SpaceReserve } from '../node/store/space-reserve.ts'
import { StopOnFailure } from '../node/store/stop-on-failure.ts'
import type { Peer } from './peer.ts'

const CHUNK_FOLDER = 'chunks'

/** @param given a store of the caller's own, in place of LevelDB in the data folder; it is limited and watched as ours is. */
export function chunkStore(peer: Peer, given: ChunkStore | undefined): ChunkStore {
  const { putsMax, getsMax, waitersMax } = peer.config.node
  const base = given ?? ownStore(peer)
  // a store whose writes fail must be noticed behind the queue: those that wait in it are turned away then
  const watched = new StopOnFailure({ store: base, onFailure: (failure) => peer.reportFailure(failure) })
  return new LimitedChunkStore({ store: watched, putsMax, getsMax, waitersMax })
}

function ownStore(peer: Peer): ChunkStore {
  const { capacityBytes, reserveBytes, ballastBytes } = peer.config.node
  if (peer.state.folder === undefined) return new MemoryChunkStore({ clock: peer.clock, capacityBytes })
  const folder = join(peer.state.folder, CHUNK_FOLDER)
  // it is tried again and again, and fails each time: a program that embeds a node is told once
  let isReported = false
  const reportDamage = (failure: PeerbinError): void => {
    if (!isReported) peer.reportFailure(withRemedy(failure, folder))
    isReported = true
  }
  const level = new LevelChunkStore({
    folder,
    clock: peer.clock,
    capacityBytes,
    onFailure: (failure) => {
      // LevelDB cannot rewrite what it cannot read: what was deleted would stay on the disk for good
      if (isDamage(failure.cause)) reportDamage(failure)
      // one that was a write makes the next put or delete fail, and that one is reported
      else peer.logger.warn('background work of the chunk store failed', { err: failure })
    },
    onCutOpening: (text) => peer.logger.warn(text)
  })
  return new SpaceReserve({ store: level, folder, reserveBytes, ballastBytes })
}
