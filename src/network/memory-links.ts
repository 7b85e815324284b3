/** Links of the memory network: how long each direction takes, what it loses, repeats and reorders, whether it is cut. */

import type { Clock, Random } from '../interfaces.ts'
import { abortable } from '../runtime/deadline.ts'
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
  /** Share of gossip that arrives twice. */
  duplicates: number
  /** Gossip is held up by up to so much more, each message by itself, so that later ones overtake it. */
  reorderMs: number
  /** Nothing gets through until it is healed; streams wait. */
  cut: boolean
}

const PERFECT: LinkSettings = {
  delayMs: 0,
  jitterMs: 0,
  loss: 0,
  retransmitMs: 200,
  duplicates: 0,
  reorderMs: 0,
  cut: false
}

interface Link {
  readonly to: PeerId
  own: Partial<LinkSettings>
  /** The defaults with `own` over them. */
  settings: LinkSettings
  /** On its way, in order. */
  readonly queue: Array<() => void>
  /** When the newest of them is due: nothing overtakes. */
  dueAt: number
  /** Deliveries that fell due while the link was cut or its receiver frozen. */
  held: number
  /** Bytes of streams that still get through before the connection breaks, and who is to be told; undefined: no such fault. */
  breaking: { bytesLeft: number; onBreak: () => void } | undefined
  /** Resolved when the link is open again. */
  opening: PromiseWithResolvers<void> | undefined
}

export class MemoryLinks {
  readonly #clock: Clock
  readonly #random: Random
  readonly #links = new Map<PeerId, Map<PeerId, Link>>()
  readonly #frozen = new Map<PeerId, Array<() => void>>()
  #defaults: LinkSettings = PERFECT

  constructor(deps: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = deps.clock
    this.#random = deps.random
  }

  setDefaults(settings: Partial<LinkSettings>): void {
    this.#defaults = { ...this.#defaults, ...settings }
    for (const links of this.#links.values()) {
      for (const link of links.values()) this.#apply(link)
    }
  }

  set(from: PeerId, to: PeerId, settings: Partial<LinkSettings>): void {
    const link = this.#link(from, to)
    link.own = { ...link.own, ...settings }
    this.#apply(link)
  }

  /** After `bytes` more of streams the connection breaks: what comes behind them is lost, and `onBreak` is told once. */
  breakAfter(from: PeerId, to: PeerId, bytes: number, onBreak: () => void): void {
    this.#link(from, to).breaking = { bytesLeft: bytes, onBreak }
  }

  /** Takes back a break that has not come yet. */
  unbreak(from: PeerId, to: PeerId): void {
    this.#link(from, to).breaking = undefined
  }

  isCut(from: PeerId, to: PeerId): boolean {
    return this.#link(from, to).settings.cut
  }

  /** Resolves when the link is not cut; at once when it is not. */
  async untilOpen(from: PeerId, to: PeerId, signal: AbortSignal): Promise<void> {
    const link = this.#link(from, to)
    while (link.settings.cut) {
      link.opening ??= Promise.withResolvers()
      await abortable(link.opening.promise, signal)
    }
  }

  /** Whether chance takes a message of gossip. */
  loses(from: PeerId, to: PeerId): boolean {
    const { loss } = this.#link(from, to).settings
    return loss > 0 && this.#random.fraction() < loss
  }

  delayMs(from: PeerId, to: PeerId): number {
    const { delayMs, jitterMs, retransmitMs } = this.#link(from, to).settings
    const again = this.loses(from, to) ? retransmitMs : 0
    return delayMs + again + (jitterMs > 0 ? jitterMs * this.#random.fraction() : 0)
  }

  /** Delivers in order, each thing when the link's delay has passed. */
  carrier(from: PeerId, to: PeerId): Carrier {
    return (deliver, bytes = 0) => {
      const link = this.#link(from, to)
      if (link.breaking !== undefined && this.#breaks(link, link.breaking, bytes)) return
      const now = this.#clock.monotonic()
      link.dueAt = Math.max(link.dueAt, now + this.delayMs(from, to))
      link.queue.push(deliver)
      this.#clock.setTimer(link.dueAt - now, () => {
        // each timer takes the oldest, so that the order holds whatever order timers of one instant run in
        if (link.settings.cut || this.#frozen.has(to)) link.held++
        else link.queue.shift()?.()
      })
    }
  }

  /** Delivers a message of gossip: with streams and in order, unless the link repeats and reorders. */
  gossip(from: PeerId, to: PeerId, deliver: () => void): void {
    const { duplicates, reorderMs } = this.#link(from, to).settings
    const times = duplicates > 0 && this.#random.fraction() < duplicates ? 2 : 1
    for (let time = 0; time < times; time++) {
      if (reorderMs === 0) this.carrier(from, to)(deliver)
      else {
        const delayMs = this.delayMs(from, to) + reorderMs * this.#random.fraction()
        this.#clock.setTimer(delayMs, () => this.toPeer(to, deliver))
      }
    }
  }

  /** What happens to a peer by itself, e.g. that a connection is gone: at once, or when it is no longer frozen. */
  toPeer(peer: PeerId, happen: () => void): void {
    const waiting = this.#frozen.get(peer)
    if (waiting === undefined) happen()
    else waiting.push(happen)
  }

  /** Nothing reaches the peer any more, as when its process is suspended; what was sent to it waits. */
  freeze(peer: PeerId): void {
    if (!this.#frozen.has(peer)) this.#frozen.set(peer, [])
  }

  thaw(peer: PeerId): void {
    const waiting = this.#frozen.get(peer)
    if (waiting === undefined) return
    this.#frozen.delete(peer)
    for (const links of this.#links.values()) {
      const link = links.get(peer)
      if (link !== undefined) this.#release(link)
    }
    for (const happen of waiting) happen()
  }

  #breaks(link: Link, breaking: NonNullable<Link['breaking']>, bytes: number): boolean {
    breaking.bytesLeft -= bytes
    if (breaking.bytesLeft >= 0) return false
    link.breaking = undefined
    breaking.onBreak()
    return true
  }

  #apply(link: Link): void {
    link.settings = { ...this.#defaults, ...link.own }
    if (link.settings.cut) return
    link.opening?.resolve()
    link.opening = undefined
    this.#release(link)
  }

  /** Delivers what fell due meanwhile. */
  #release(link: Link): void {
    if (link.settings.cut || this.#frozen.has(link.to)) return
    const due = link.held
    link.held = 0
    for (let i = 0; i < due; i++) link.queue.shift()?.()
  }

  #link(from: PeerId, to: PeerId): Link {
    let links = this.#links.get(from)
    if (links === undefined) this.#links.set(from, (links = new Map()))
    let link = links.get(to)
    if (link === undefined) {
      link = {
        to,
        own: {},
        settings: this.#defaults,
        queue: [],
        dueAt: 0,
        held: 0,
        breaking: undefined,
        opening: undefined
      }
      links.set(to, link)
    }
    return link
  }
}
