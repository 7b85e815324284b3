/** Which node's inventory is compared next. Holds what is known of past comparisons; decides from that and the members, without clock or I/O. */

import type { Member, PeerId } from '../../types.ts'

/** Pauses after failures double from the first to the last of these: a node that does not answer must cost little. */
const BACKOFF_FIRST_MS = 500
const BACKOFF_MAX_MS = 60_000

/** What a whole comparison found. */
export interface Compared {
  /** By the store's time, in ms. */
  at: number
  /** Chunks the node says it holds. */
  chunks: number
  /** Of these, in quarantine because nothing refers to them. */
  unknown: number
  /** The unknown ones wait for an operator. */
  held: boolean
}

interface NodeState {
  /** Of the last comparison that was begun. */
  boot: number
  /** Undefined until one came to its end in that boot. */
  compared: Compared | undefined
  taken: boolean
  /** A comparison in that boot was tried to its end or failure. */
  tried: boolean
  /** Since the present comparison began, something happened that it may not have seen. */
  again: boolean
  /** Monotonic, in ms, as all times below. */
  dueAt: number
  failures: number
}

/** A comparison to be made. */
export interface Task {
  readonly peer: PeerId
  readonly host: string
  readonly boot: number
}

export class InventorySchedule {
  readonly #nodes = new Map<PeerId, NodeState>()

  /**
   * The next node to compare, if there is one; it is taken until `done` or `failed`. Nodes that were not compared in their present boot come first: their copies do
   * not count until then.
   *
   * @param members everybody who is known
   */
  take(members: readonly Member[], now: number): Task | undefined {
    this.#forget(members)
    const due = members
      .filter((member) => member.liveness === 'active' && member.roles.includes('node'))
      .flatMap((member) => {
        const state = this.#nodes.get(member.peer)
        if (state?.taken === true) return []
        if (state === undefined || state.boot !== member.boot)
          return [{ member, isNew: true, dueAt: -Infinity }]
        return state.dueAt <= now ? [{ member, isNew: state.compared === undefined, dueAt: state.dueAt }] : []
      })
      .toSorted((a, b) => Number(b.isNew) - Number(a.isNew) || a.dueAt - b.dueAt)
    const next = due[0]?.member
    if (next === undefined) return undefined
    this.#begin(next)
    return { peer: next.peer, host: next.host, boot: next.boot }
  }

  #begin({ peer, boot }: Member): void {
    const state = this.#nodes.get(peer)
    if (state?.boot === boot) Object.assign(state, { taken: true, again: false })
    else {
      const first = { compared: undefined, tried: false, again: false, dueAt: 0, failures: 0 }
      this.#nodes.set(peer, { ...first, boot, taken: true })
    }
  }

  /** @param nextMs from `now` to the next one, unless something happened meanwhile */
  done({ peer, boot }: Task, compared: Compared, now: number, nextMs: number): void {
    const state = this.#nodes.get(peer)
    if (state?.boot !== boot) return
    const dueAt = state.again ? now : now + nextMs
    Object.assign(state, { compared, dueAt, taken: false, tried: true, failures: 0 })
  }

  failed({ peer, boot }: Task, now: number): void {
    const state = this.#nodes.get(peer)
    if (state?.boot !== boot) return
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(state.failures, 30))
    Object.assign(state, { dueAt: now + backoffMs, taken: false, tried: true, failures: state.failures + 1 })
  }

  /** The node is compared once more as soon as possible, a failure's pause excepted. */
  again(peer: PeerId): void {
    const state = this.#nodes.get(peer)
    if (state === undefined) return
    state.again = true
    if (state.failures === 0 && !state.taken) state.dueAt = -Infinity
  }

  /** All of them, e.g. after a freeze, during which nothing was swept. */
  allAgain(): void {
    for (const peer of this.#nodes.keys()) this.again(peer)
  }

  /** Of the last comparison in that boot. */
  comparedIn(peer: PeerId, boot: number): Compared | undefined {
    const state = this.#nodes.get(peer)
    return state?.boot === boot ? state.compared : undefined
  }

  /** Whether a comparison was made in that boot, or failed. */
  triedIn(peer: PeerId, boot: number): boolean {
    const state = this.#nodes.get(peer)
    return state?.boot === boot && state.tried
  }

  /** Last comparisons of all nodes, those of earlier boots left out. */
  all(): Array<Compared & { peer: PeerId }> {
    return [...this.#nodes].flatMap(([peer, { compared }]) =>
      compared === undefined ? [] : [{ peer, ...compared }]
    )
  }

  /** Retired nodes are no members any more. */
  #forget(members: readonly Member[]): void {
    const known = new Set(members.map((member) => member.peer))
    for (const peer of this.#nodes.keys()) if (!known.has(peer)) this.#nodes.delete(peer)
  }
}
