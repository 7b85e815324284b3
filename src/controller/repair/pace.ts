/** How much repair asks of each node. */

import type { Config } from '../../config.ts'
import type { PeerId } from '../../types.ts'

export type PaceConfig = Pick<Config['repair'], 'copiesPerNode' | 'busyShare' | 'floorBytes'>

/** What a node said of its clients counts for so long. */
const BUSY_FRESH_MS = 10_000

/**
 * How long a node rests after a copy, while its clients are busy: so long that copying takes `busyShare` percent of the time, but not so long that less than `floorBytes` a
 * second are moved.
 */
export function restMs(copy: { tookMs: number; sizeBytes: number }, config: PaceConfig): number {
  const shareMs = copy.tookMs * (100 / config.busyShare - 1)
  if (config.floorBytes === 0) return shareMs
  const floorMs = (copy.sizeBytes / config.floorBytes) * 1000 - copy.tookMs
  return Math.max(0, Math.min(shareMs, floorMs))
}

interface NodePace {
  giving: number
  taking: number
  /** Monotonic. */
  restUntilMs: number
  busyUntilMs: number
}

/** Limits per node: copies it gives, copies it takes, and its rest while its clients are busy. */
export class Pace {
  readonly #config: PaceConfig
  readonly #nodes = new Map<PeerId, NodePace>()

  constructor(config: PaceConfig) {
    this.#config = config
  }

  /** @param hurry it cannot wait for the rest of anybody */
  canGive(peer: PeerId, nowMs: number, hurry: boolean): boolean {
    const node = this.#nodes.get(peer)
    if (node === undefined) return true
    return node.giving < this.#config.copiesPerNode && (hurry || node.restUntilMs <= nowMs)
  }

  canTake(peer: PeerId, nowMs: number, hurry: boolean): boolean {
    const node = this.#nodes.get(peer)
    if (node === undefined) return true
    return node.taking < this.#config.copiesPerNode && (hurry || node.restUntilMs <= nowMs)
  }

  giving(peer: PeerId): number {
    return this.#nodes.get(peer)?.giving ?? 0
  }

  /** Takes a place on both; answers how to give them back, once. */
  begin(from: PeerId | undefined, to: PeerId): () => void {
    const source = from === undefined ? undefined : this.#node(from)
    const target = this.#node(to)
    if (source !== undefined) source.giving++
    target.taking++
    return () => {
      if (source !== undefined) source.giving--
      target.taking--
    }
  }

  /** A copy was made. @param busy requests of clients under way on the source */
  made(
    copy: { from: PeerId; to: PeerId; tookMs: number; sizeBytes: number; busy: number },
    nowMs: number
  ): void {
    this.#node(copy.from).busyUntilMs = copy.busy > 0 ? nowMs + BUSY_FRESH_MS : 0
    for (const peer of [copy.from, copy.to]) {
      const node = this.#node(peer)
      if (node.busyUntilMs > nowMs) node.restUntilMs = nowMs + restMs(copy, this.#config)
    }
  }

  /** Until when the next node rests; Infinity when none does. */
  nextRestEndsMs(nowMs: number): number {
    return [...this.#nodes.values()]
      .map((node) => node.restUntilMs)
      .filter((at) => at > nowMs)
      .reduce((least, at) => Math.min(least, at), Infinity)
  }

  #node(peer: PeerId): NodePace {
    const node = this.#nodes.get(peer) ?? { giving: 0, taking: 0, restUntilMs: 0, busyUntilMs: 0 }
    this.#nodes.set(peer, node)
    return node
  }
}
