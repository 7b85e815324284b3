/** Links of the memory network: how long each direction takes, what it loses, whether it is cut. */

import type { Clock, Random } from '../interfaces.ts'
import type { PeerId } from '../types.ts'
import type { Carrier } from './memory-stream.ts'

/** One direction between two peers. */
export interface LinkSettings {
  /** Least time that anything takes. */
  delayMs: number
  /** Up to so much more, by chance. */
  jitterMs: number
  /** Share of gossip that is lost, 0 to 1; of streams so much is sent again, which takes `retransmitMs`. */
  loss: number
  retransmitMs: number
  /** Nothing gets through until it is healed; streams wait. */
  cut: boolean
}

const PERFECT: LinkSettings = { delayMs: 0, jitterMs: 0, loss: 0, retransmitMs: 200, cut: false }

interface Link {
  own: Partial<LinkSettings>
  /** On its way, in order. */
  readonly queue: Array<() => void>
  /** When the newest of them is due: nothing overtakes. */
  dueAt: number
  /** Deliveries that fell due while the link was cut. */
  held: number
}

export class MemoryLinks {
  readonly #clock: Clock
  readonly #random: Random
  readonly #links = new Map<string, Link>()
  #defaults: LinkSettings = PERFECT

  constructor(deps: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = deps.clock
    this.#random = deps.random
  }

  setDefaults(settings: Partial<LinkSettings>): void {
    this.#defaults = { ...this.#defaults, ...settings }
  }

  set(from: PeerId, to: PeerId, settings: Partial<LinkSettings>): void {
    const link = this.#link(from, to)
    link.own = { ...link.own, ...settings }
    if (this.isCut(from, to)) return
    const due = link.held
    link.held = 0
    for (let i = 0; i < due; i++) link.queue.shift()?.()
  }

  isCut(from: PeerId, to: PeerId): boolean {
    return this.#settings(from, to).cut
  }

  /** Whether chance takes a message of gossip. */
  loses(from: PeerId, to: PeerId): boolean {
    const { loss } = this.#settings(from, to)
    return loss > 0 && this.#random.fraction() < loss
  }

  delayMs(from: PeerId, to: PeerId): number {
    const { delayMs, jitterMs, retransmitMs } = this.#settings(from, to)
    const again = this.loses(from, to) ? retransmitMs : 0
    return delayMs + again + (jitterMs > 0 ? jitterMs * this.#random.fraction() : 0)
  }

  /** Delivers in order, each thing when the link's delay has passed. */
  carrier(from: PeerId, to: PeerId): Carrier {
    return (deliver) => {
      const link = this.#link(from, to)
      const now = this.#clock.monotonic()
      link.dueAt = Math.max(link.dueAt, now + this.delayMs(from, to))
      link.queue.push(deliver)
      this.#clock.setTimer(link.dueAt - now, () => {
        // each timer takes the oldest, so that the order holds whatever order timers of one instant run in
        if (this.isCut(from, to)) link.held++
        else link.queue.shift()?.()
      })
    }
  }

  #settings(from: PeerId, to: PeerId): LinkSettings {
    return { ...this.#defaults, ...this.#links.get(keyOf(from, to))?.own }
  }

  #link(from: PeerId, to: PeerId): Link {
    const key = keyOf(from, to)
    let link = this.#links.get(key)
    if (link === undefined) {
      link = { own: {}, queue: [], dueAt: 0, held: 0 }
      this.#links.set(key, link)
    }
    return link
  }
}

const keyOf = (from: PeerId, to: PeerId): string => `${from}>${to}`
