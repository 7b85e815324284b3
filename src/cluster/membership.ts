/** Who is in the cluster, as this process sees it: derived from heartbeats and from its own monotonic clock. */

import type { Clock, Timer } from '../interfaces.ts'
import type { Heartbeat, Liveness, Member, PeerId, Role, Term } from '../types.ts'

/** Peers kept at most. Commands of operators come with a new peer id each, so that the ones gone longest make room. */
const MEMBERS_MAX = 1024

export interface LivenessTimeouts {
  suspectAfterMs: number
  downAfterMs: number
}

/** Peers retired for good that are remembered; each takes about 100 bytes. The network refuses those forgotten here too. */
const RETIRED_KEPT_MAX = 10_000

/** What silence of `ageMs` means. */
export function livenessOf(ageMs: number, timeouts: LivenessTimeouts): Liveness {
  if (ageMs < timeouts.suspectAfterMs) return 'active'
  return ageMs < timeouts.downAfterMs ? 'suspect' : 'down'
}

/** Orders two heartbeats of one peer. */
type Mark = Pick<Heartbeat, 'boot' | 'sequence'>

const isNewer = (mark: Mark, than: Mark): boolean =>
  mark.boot > than.boot || (mark.boot === than.boot && mark.sequence > than.sequence)

interface Entry {
  heartbeat: Heartbeat
  /** Monotonic; -Infinity for one that is only remembered. */
  heardAt: number
  /** When it was last heard as a controller that leads; monotonic, -Infinity: not since the start. */
  ledAt: number
  lastHeartbeatAt: number
  /** As the listeners were last told. */
  toldLiveness: Liveness
}

/**
 * The members, judged anew at each question. Heartbeats that are not newer than the last one by (boot, sequence) change nothing,
 * so replayed and reordered gossip keeps nobody alive; the wall clock is never used to judge an age.
 */
export class Membership {
  readonly #clock: Clock
  readonly #timeouts: LivenessTimeouts
  readonly #entries = new Map<PeerId, Entry>()
  /** Last heartbeats of peers that were forgotten: a replay must not bring them back. */
  readonly #forgotten = new Map<PeerId, Mark>()
  /** Never heard again, whatever they say. */
  readonly #retired = new Set<PeerId>()
  readonly #listeners = new Set<() => void>()
  #timer: Timer | undefined

  constructor(deps: { readonly clock: Clock } & Readonly<LivenessTimeouts>) {
    this.#clock = deps.clock
    this.#timeouts = { suspectAfterMs: deps.suspectAfterMs, downAfterMs: deps.downAfterMs }
  }

  /** Takes in a heartbeat; says whether it was news. The caller has checked that its peer signed it. */
  observe(heartbeat: Heartbeat): boolean {
    if (this.#retired.has(heartbeat.peer)) return false
    const known = this.#entries.get(heartbeat.peer)
    const last = known?.heartbeat ?? this.#forgotten.get(heartbeat.peer)
    if (last !== undefined && !isNewer(heartbeat, last)) return false
    if (known === undefined && !this.#makeRoom()) return false
    const changed =
      known === undefined || this.#livenessOf(known) !== 'active' || differs(known.heartbeat, heartbeat)
    const now = this.#clock.monotonic()
    const leads = heartbeat.term > 0 && heartbeat.roles.includes('controller')
    this.#forgotten.delete(heartbeat.peer)
    this.#entries.set(heartbeat.peer, {
      heartbeat,
      heardAt: now,
      ledAt: leads ? now : (known?.ledAt ?? -Infinity),
      lastHeartbeatAt: this.#clock.now(),
      toldLiveness: 'active'
    })
    if (changed) this.#tell()
    return true
  }

  /** Takes in what was known before a restart: down until the peer is heard with something newer. */
  remember(heartbeat: Heartbeat, lastHeartbeatAt: number): void {
    if (this.#retired.has(heartbeat.peer)) return
    const last = this.#entries.get(heartbeat.peer)?.heartbeat ?? this.#forgotten.get(heartbeat.peer)
    if (last !== undefined && !isNewer(heartbeat, last)) return
    if (last === undefined && !this.#makeRoom()) return
    this.#entries.set(heartbeat.peer, {
      heartbeat,
      heardAt: -Infinity,
      ledAt: -Infinity,
      lastHeartbeatAt,
      toldLiveness: 'down'
    })
    this.#tell()
  }

  get(peer: PeerId): Member | undefined {
    const entry = this.#entries.get(peer)
    return entry === undefined ? undefined : this.#member(entry)
  }

  /** Everybody ever seen and not forgotten, in order of peer id. */
  all(): Member[] {
    return [...this.#entries.values()].map((entry) => this.#member(entry)).sort(byPeer)
  }

  /** Peers of a role whose heartbeats arrive in time. */
  active(role: Role): Member[] {
    return this.all().filter((member) => member.liveness === 'active' && member.roles.includes(role))
  }

  /** Hosts of all nodes ever seen and not forgotten, those that are down included. */
  nodeHosts(): Set<string> {
    const nodes = [...this.#entries.values()].filter((entry) => entry.heartbeat.roles.includes('node'))
    return new Set(nodes.map((entry) => entry.heartbeat.host))
  }

  /** Milliseconds since a leading controller other than `except` was last heard, by the monotonic clock; undefined: none since the start. */
  leaderHeardMsAgo(except?: PeerId): number | undefined {
    const last = [...this.#entries.values()]
      .filter((entry) => entry.heartbeat.peer !== except)
      .reduce((newest, entry) => Math.max(newest, entry.ledAt), -Infinity)
    return last === -Infinity ? undefined : this.#clock.monotonic() - last
  }

  /** Greatest term of any controller, those that are down included; 0: none is known. What others say of a term counts nothing. */
  greatestTerm(): Term {
    const controllers = [...this.#entries.values()].filter(({ heartbeat }) =>
      heartbeat.roles.includes('controller')
    )
    return Math.max(0, ...controllers.map(({ heartbeat }) => heartbeat.term)) as Term
  }

  /** Forgets a peer for good: no heartbeat of it is taken any more, however new. Answers whether that is news. */
  retire(peer: PeerId): boolean {
    if (this.#retired.has(peer)) return false
    this.#retired.add(peer)
    const oldest = this.#retired.values().next()
    if (this.#retired.size > RETIRED_KEPT_MAX && oldest.done === false) this.#retired.delete(oldest.value)
    this.forget(peer)
    return true
  }

  /** For a peer that may come back: with a heartbeat newer than its last. */
  forget(peer: PeerId): void {
    const entry = this.#entries.get(peer)
    if (entry === undefined) return
    this.#drop(entry.heartbeat)
    this.#tell()
  }

  /**
   * Calls `listener` after somebody came, changed in anything but figures of use, fell silent, or was forgotten. Answers how to stop
   * that; a timer runs only while somebody listens.
   */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    this.#arm()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      this.#timer?.cancel()
      this.#timer = undefined
    }
  }

  #member(entry: Entry): Member {
    return { ...entry.heartbeat, liveness: this.#livenessOf(entry), lastHeartbeatAt: entry.lastHeartbeatAt }
  }

  #livenessOf(entry: Entry): Liveness {
    return livenessOf(this.#clock.monotonic() - entry.heardAt, this.#timeouts)
  }

  /** Nodes are never dropped by themselves: their copies are recorded. */
  #makeRoom(): boolean {
    if (this.#entries.size < MEMBERS_MAX) return true
    const gone = [...this.#entries.values()]
      .filter((entry) => this.#livenessOf(entry) === 'down' && !entry.heartbeat.roles.includes('node'))
      .sort((a, b) => a.heardAt - b.heardAt)[0]
    if (gone === undefined) return false
    this.#drop(gone.heartbeat)
    return true
  }

  #drop(heartbeat: Heartbeat): void {
    this.#entries.delete(heartbeat.peer)
    this.#forgotten.delete(heartbeat.peer)
    this.#forgotten.set(heartbeat.peer, { boot: heartbeat.boot, sequence: heartbeat.sequence })
    const oldest = this.#forgotten.keys().next()
    if (this.#forgotten.size > MEMBERS_MAX && oldest.done === false) this.#forgotten.delete(oldest.value)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
    this.#arm()
  }

  /**
   * Sets the timer to the moment when the next peer would become suspect or down; at most `suspectAfterMs` ahead, since nobody who
   * joins later can fall silent before that.
   */
  #arm(): void {
    if (this.#listeners.size === 0 || this.#timer !== undefined) return
    const now = this.#clock.monotonic()
    const next = [...this.#entries.values()]
      .flatMap(({ heardAt }) => [
        heardAt + this.#timeouts.suspectAfterMs,
        heardAt + this.#timeouts.downAfterMs
      ])
      .filter((at) => at > now)
      .reduce((least, at) => Math.min(least, at), Infinity)
    if (next === Infinity) return
    const delayMs = Math.min(next - now, this.#timeouts.suspectAfterMs)
    this.#timer = this.#clock.setTimer(delayMs, () => this.#onTimer(), { unref: true })
  }

  #onTimer(): void {
    this.#timer = undefined
    let changed = false
    for (const entry of this.#entries.values()) {
      const liveness = this.#livenessOf(entry)
      changed ||= liveness !== entry.toldLiveness
      entry.toldLiveness = liveness
    }
    if (changed) this.#tell()
    else this.#arm()
  }
}

const byPeer = (a: Member, b: Member): number => (a.peer < b.peer ? -1 : 1)

/** Whether anything changed that placement, dialling or a status page would act on at once. */
function differs(before: Heartbeat, after: Heartbeat): boolean {
  return (
    before.boot !== after.boot ||
    before.state !== after.state ||
    before.term !== after.term ||
    before.host !== after.host ||
    before.zone !== after.zone ||
    before.tier !== after.tier ||
    before.roles.join() !== after.roles.join() ||
    before.addresses.join() !== after.addresses.join()
  )
}
