import type { Target } from '../protocol/messages.ts'
import type { PeerId } from '../types.ts'

/**
 * Where the copies of one chunk may still go. The list came ranked; this hands out each peer once, and deviates from the order
 * only for peers that are known to be away (they come last) and to use a host that holds no copy yet when one has failed.
 */
export class CopyTargets {
  readonly #left: Target[]
  /** Copies on, or on their way to, each host. */
  readonly #hosts = new Map<string, number>()
  readonly #isAway: (peer: PeerId) => boolean

  /**
   * @param self left out of the list, as is every repetition; its host counts as used.
   * @param isAway whether writing to the peer is unlikely to work right now.
   */
  constructor(targets: readonly Target[], self: Target, isAway: (peer: PeerId) => boolean) {
    const seen = new Set<PeerId>([self.peer])
    this.#left = targets.filter((target) => !seen.has(target.peer) && seen.add(target.peer))
    this.#hosts.set(self.host, 1)
    this.#isAway = isAway
  }

  get left(): number {
    return this.#left.length
  }

  /** The best one that was not handed out yet. */
  next(): Target | undefined {
    let best: Target | undefined
    let bestCost = Infinity
    for (const target of this.#left) {
      // a peer that is away costs more than any number of copies on one host
      const cost = (this.#hosts.get(target.host) ?? 0) + (this.#isAway(target.peer) ? 1000 : 0)
      if (cost < bestCost) {
        best = target
        bestCost = cost
      }
    }
    if (best === undefined) return undefined
    this.#left.splice(this.#left.indexOf(best), 1)
    this.#hosts.set(best.host, (this.#hosts.get(best.host) ?? 0) + 1)
    return best
  }

  /** No copy came to be there: its host is free for another. */
  giveUp(target: Target): void {
    this.#hosts.set(target.host, (this.#hosts.get(target.host) ?? 1) - 1)
  }
}
