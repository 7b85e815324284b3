/** Nodes that are being emptied, or are away: how much there is for which they are still needed. */

import type { PlacedChunkRecord } from '../../metadata-store.ts'
import type { ChunkId, Generation, PeerId } from '../../types.ts'
import type { Need, Standing } from './assess.ts'
import { signatureOf } from './cluster-view.ts'
import type { ClusterView } from './cluster-view.ts'

export interface Leaving {
  readonly chunks: number
  readonly bytes: number
  /** Chunks that nobody else holds who lives, or may return. */
  readonly lastCopies: number
  /** Chunks of uploads that were open when the node took its last one, and have not got their copies: the node may turn out to hold one. */
  readonly open: number
  /** All chunks were looked at since the nodes last changed, and since the node took its last chunk, if that is known. */
  readonly complete: boolean
}

interface Needed {
  readonly bytes: number
  readonly last: boolean
  readonly pass: number
}

class Leaver {
  readonly needed = new Map<ChunkId, Needed>()
  bytes = 0
  lastCopies = 0
  /** Those that found no room in `needed`. */
  more = { chunks: 0, bytes: 0, lastCopies: 0 }
  open = 0
  /** Chunks up to this generation may be on the node; undefined: it may still be given new ones. */
  fence: Generation | undefined
  /** The pass that begins after that. */
  fencedIn = 0

  set(chunk: ChunkId, needed: Needed): void {
    this.delete(chunk)
    this.needed.set(chunk, needed)
    this.bytes += needed.bytes
    this.lastCopies += needed.last ? 1 : 0
  }

  delete(chunk: ChunkId): void {
    const known = this.needed.get(chunk)
    if (known === undefined) return
    this.needed.delete(chunk)
    this.bytes -= known.bytes
    this.lastCopies -= known.last ? 1 : 0
  }
}

/**
 * Kept up to date by every look at a chunk. A pass looks at all chunks; what it has not seen again by its end is gone.
 */
export class LeavingNodes {
  readonly #max: number
  readonly #copiesMin: number
  readonly #leavers = new Map<PeerId, Leaver>()
  #pass = 0
  /** The pass that began when the nodes last changed. */
  #changedIn = 0
  #ended = -1
  /** Of the nodes in the present pass. */
  #signature = ''

  /** @param deps.max chunks remembered per node; the rest is only counted */
  constructor(deps: { readonly max: number; readonly copiesMin: number }) {
    this.#max = deps.max
    this.#copiesMin = deps.copiesMin
  }

  /** All chunks are going to be looked at. @param changed because nodes came, went or changed */
  beginPass(view: ClusterView, changed: boolean): void {
    this.#pass++
    this.#signature = signatureOf(view)
    if (changed) this.#changedIn = this.#pass
    for (const [peer, node] of view.nodes) {
      if (!node.draining && node.fate === 'alive') this.#leavers.delete(peer)
      else if (!this.#leavers.has(peer)) this.#leavers.set(peer, new Leaver())
    }
    for (const [peer, leaver] of this.#leavers) {
      if (!view.nodes.has(peer)) this.#leavers.delete(peer)
      leaver.more = { chunks: 0, bytes: 0, lastCopies: 0 }
      leaver.open = 0
    }
  }

  endPass(): void {
    this.#ended = this.#pass
    for (const leaver of this.#leavers.values()) {
      for (const [chunk, { pass }] of leaver.needed) if (pass < this.#pass) leaver.delete(chunk)
    }
  }

  /** Every chunk that exists now may be on the node, and none that comes. Counts from the next pass on. */
  fence(peer: PeerId, generation: Generation): void {
    const leaver = this.#leavers.get(peer)
    if (leaver === undefined) return
    leaver.fence = generation
    leaver.fencedIn = this.#pass + 1
  }

  isFenced(peer: PeerId): boolean {
    return this.#leavers.get(peer)?.fence !== undefined
  }

  /** @param inPass it is a step of the present pass, not a look beside it */
  note(chunk: PlacedChunkRecord, { sure, needs }: Standing, inPass: boolean): void {
    for (const [peer, leaver] of this.#leavers) {
      const need = needs.find((each) => each.peer === peer)
      if (need?.needed === true) this.#need(leaver, chunk, need, inPass)
      else leaver.delete(chunk.chunk)
      const mayHold = leaver.fence !== undefined && chunk.generation <= leaver.fence && need === undefined
      if (inPass && mayHold && sure < this.#copiesMin) leaver.open++
    }
  }

  /** The chunk is no more. */
  forget(chunk: ChunkId): void {
    for (const leaver of this.#leavers.values()) leaver.delete(chunk)
  }

  /**
   * Undefined for a node that is neither being emptied nor away.
   * @param view of this moment: what was counted while the nodes were otherwise (one has started again, and may have lost its disk) is not complete
   */
  of(peer: PeerId, view: ClusterView): Leaving | undefined {
    const leaver = this.#leavers.get(peer)
    if (leaver === undefined) return undefined
    return {
      chunks: leaver.needed.size + leaver.more.chunks,
      bytes: leaver.bytes + leaver.more.bytes,
      lastCopies: leaver.lastCopies + leaver.more.lastCopies,
      open: leaver.open,
      complete:
        this.#ended >= Math.max(this.#changedIn, leaver.fencedIn) && this.#signature === signatureOf(view)
    }
  }

  #need(leaver: Leaver, chunk: PlacedChunkRecord, { last }: Need, inPass: boolean): void {
    if (leaver.needed.has(chunk.chunk) || leaver.needed.size < this.#max) {
      leaver.set(chunk.chunk, { bytes: chunk.sizeBytes, last, pass: this.#pass })
    } else if (inPass) {
      leaver.more.chunks++
      leaver.more.bytes += chunk.sizeBytes
      leaver.more.lastCopies += last ? 1 : 0
    }
  }
}
