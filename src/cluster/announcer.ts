/** Says that this process lives, and hears who else does: heartbeats out and in, and the connections they need. */

import type { Config } from '../config.ts'
import { asPeerbinError } from '../errors.ts'
import type { Clock, Logger, Network, Random, Service, StepResult, Worker } from '../interfaces.ts'
import { decodeHeartbeat, encodeHeartbeat } from '../protocol/heartbeat.ts'
import type { HeartbeatMessage } from '../protocol/heartbeat.ts'
import { HEARTBEAT_TOPIC, RETIRED_MAX } from '../protocol/limits.ts'
import type { Cell } from '../runtime/cell.ts'
import { withDeadline } from '../runtime/deadline.ts'
import { WorkerLoop } from '../runtime/worker-loop.ts'
import type { Address, Heartbeat, PeerId, Term } from '../types.ts'
import { BOOT_MAX, nextBoot } from './boot.ts'
import { Mesh } from './mesh.ts'
import type { KnownPeers } from './mesh.ts'
import type { Membership } from './membership.ts'

export type { KnownPeers } from './mesh.ts'

/** Entries of `stale` in one heartbeat (messages.ts). */
const STALE_MAX = 16
/** Heartbeats in which a retired peer can hear of it, before the process that retired it hangs up. */
const FAREWELLS = 3
/** Addresses in one heartbeat (schema.ts). */
const ADDRESSES_MAX = 16

/** What a process says of itself beside who and where it is. */
export type SelfDescription = Pick<
  Heartbeat,
  | 'roles'
  | 'host'
  | 'zone'
  | 'tier'
  | 'capacityBytes'
  | 'freeBytes'
  | 'usedBytes'
  | 'chunks'
  | 'state'
  | 'term'
  | 'scrubbedAt'
  | 'quarantined'
> & {
  /** From the leading controller: nodes that were retired, the newest last. */
  retired?: readonly PeerId[] | undefined
}

export interface AnnouncerDeps {
  readonly network: Network
  readonly membership: Membership
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly config: Config['heartbeat']
  /** Version of the program, up to 64 characters. */
  readonly version: string
  /** Last boot number of this peer id; 0 at first. */
  readonly boot: Cell<number>
  readonly peers: Cell<KnownPeers>
  /** Multiaddrs where to find the cluster at first. */
  readonly bootstrap: Address[]
  /** Greatest term that was ever heard of here, over restarts; controllers of a lower one are not believed. */
  readonly greatestTerm?: (() => Term) | undefined
  /** Asked before each heartbeat. */
  readonly describe: () => Promise<SelfDescription>
}

/**
 * Publishes a heartbeat each interval, takes in those of others, and keeps a full mesh of connections. A heartbeat that fails is logged
 * and the next one follows: falling silent is how the others learn of trouble. Start it after the network.
 */
export class Announcer implements Service {
  readonly #deps: AnnouncerDeps
  readonly #mesh: Mesh
  readonly #loops: WorkerLoop[]
  readonly #beats: WorkerLoop
  /** Peers whose heartbeats came with an older boot than was known, and that boot. */
  readonly #stale = new Map<PeerId, number>()
  #boot = 0
  #sequence = 0
  /** Greatest boot of ours that others know, when it is greater than the present one. */
  #reported = 0
  /** Retired peers, and in how many heartbeats that was said. */
  readonly #told = new Map<PeerId, number>()
  readonly #onRetired = new Set<() => void>()
  #subscribed = false
  #running = false
  #turn: Promise<void> = Promise.resolve()
  /** A heartbeat that has not begun yet: whoever asks for one meanwhile gets this. */
  #next: Promise<void> | undefined

  constructor(deps: AnnouncerDeps) {
    this.#deps = deps
    this.#mesh = new Mesh({ ...deps, onConnected: () => this.#beats.nudge() })
    const heartbeat: Worker = {
      name: 'heartbeat',
      idleMs: deps.config.intervalMs,
      step: async (): Promise<StepResult> => {
        await this.announceNow()
        return 'idle'
      }
    }
    this.#beats = new WorkerLoop(heartbeat, deps)
    this.#loops = [this.#beats, new WorkerLoop(this.#mesh, deps)]
  }

  /** Number of this start, in every heartbeat and receipt; 0 before `start`. It can rise while the process runs (boot.ts). */
  get boot(): number {
    return this.#boot
  }

  /** @throws `local-file` when the boot number cannot be stored: without it nobody would know which start is the newer. */
  async start(): Promise<void> {
    if (this.#running) return
    this.#running = true
    await this.#takeBoot()
    if (!this.#subscribed) {
      this.#subscribed = true
      this.#deps.network.subscribe(HEARTBEAT_TOPIC, (from, message) => this.#onMessage(from, message))
    }
    this.#mesh.begin()
    await this.announceNow()
    await Promise.all(this.#loops.map(async (loop) => await loop.start()))
  }

  async stop(): Promise<void> {
    if (!this.#running) return
    this.#running = false
    await Promise.all(this.#loops.map(async (loop) => await loop.stop()))
    await this.#mesh.settled()
    await this.#turn
  }

  /** Calls `listener` when the leading controller says that this process itself was retired; it may do so again. */
  onRetired(listener: () => void): void {
    this.#onRetired.add(listener)
  }

  /** Publishes a heartbeat without waiting for the interval; for a change that others should act on at once. Never rejects. */
  announceNow(): Promise<void> {
    this.#next ??= this.#turn.then(async () => {
      this.#next = undefined
      await this.#beat()
    })
    this.#turn = this.#next
    return this.#next
  }

  async #takeBoot(): Promise<void> {
    const { boot, clock } = this.#deps
    const next = nextBoot({ stored: boot.get(), now: clock.now(), reported: this.#reported })
    await boot.set(next) // durable before anybody sees it
    this.#boot = next
    this.#sequence = 0
  }

  async #beat(): Promise<void> {
    const { network, clock, config, membership, logger } = this.#deps
    if (!this.#running) return
    try {
      if (this.#reported > this.#boot) {
        logger.warn('others know a later start of this peer id; starting again above it', {
          boot: this.#reported
        })
        await this.#takeBoot()
      }
      const message = await withDeadline(
        clock,
        config.suspectAfterMs,
        undefined,
        async () => await this.#compose()
      )
      membership.observe(withoutFrame(message))
      const bytes = encodeHeartbeat(message)
      await withDeadline(clock, config.suspectAfterMs, undefined, async () => {
        await network.publish(HEARTBEAT_TOPIC, bytes)
      })
      this.#partFrom(message.retired ?? [])
    } catch (error) {
      logger.warn('a heartbeat was not sent', { err: error })
    }
  }

  async #compose(): Promise<HeartbeatMessage> {
    const { network, version, describe } = this.#deps
    const { retired = [], ...description } = await describe()
    const stale = [...this.#stale].map(([peer, boot]) => ({ peer, boot }))
    this.#sequence++
    return {
      v: 1,
      peer: network.self,
      boot: this.#boot,
      sequence: this.#sequence,
      addresses: network.addresses().slice(0, ADDRESSES_MAX),
      version,
      ...description,
      ...(retired.length > 0 && { retired: retired.slice(-RETIRED_MAX) }),
      ...(stale.length > 0 && { stale })
    }
  }

  /** Must not throw: the network calls it. */
  #onMessage(from: PeerId, bytes: Uint8Array): void {
    if (!this.#running) return
    let message: HeartbeatMessage
    try {
      message = decodeHeartbeat(bytes)
    } catch (error) {
      this.#deps.logger.warn('a heartbeat cannot be read', { from, code: asPeerbinError(error).code })
      return
    }
    if (message.peer !== from || from === this.#deps.network.self) return // one speaks for oneself only
    this.#hearOfSelf(message)
    const before = this.#deps.membership.get(from)
    if (this.#deps.membership.observe(withoutFrame(message))) {
      this.#stale.delete(from)
      this.#hearOfRetired(message)
      if (message.roles.some((role) => role !== 'admin')) this.#mesh.heard(from, message.addresses)
      // a newcomer should not have to wait for the others' interval
      if (before === undefined || before.boot !== message.boot) this.#beats.nudge()
    } else if (before !== undefined && message.boot < before.boot) this.#tellStale(from, before.boot)
  }

  #hearOfSelf(message: HeartbeatMessage): void {
    const { self } = this.#deps.network
    const reported = message.stale?.find((entry) => entry.peer === self)?.boot ?? 0
    if (reported <= this.#boot || reported <= this.#reported || reported > BOOT_MAX) return
    this.#reported = reported
    this.#beats.nudge()
  }

  /** Only of the controller that leads: one of a lower term knows an older cluster. */
  #hearOfRetired({ retired = [], roles, term }: HeartbeatMessage): void {
    if (retired.length === 0 || term === 0 || !roles.includes('controller')) return
    const { membership, greatestTerm } = this.#deps
    if (term < membership.greatestTerm() || term < (greatestTerm?.() ?? 0)) return
    this.#retire(retired)
  }

  #retire(peers: readonly PeerId[]): void {
    const { network, membership, logger } = this.#deps
    for (const peer of peers) {
      if (peer === network.self) {
        for (const listener of this.#onRetired) listener()
      } else if (membership.retire(peer)) {
        logger.info('a node was retired: nothing is heard of it any more', { peer })
        network.evict(peer)
      }
    }
  }

  /** Those that this process itself has retired stay connected for a few heartbeats, so that they hear of it. */
  #partFrom(peers: readonly PeerId[]): void {
    for (const peer of peers) {
      this.#deps.membership.retire(peer)
      const told = (this.#told.get(peer) ?? 0) + 1
      this.#told.set(peer, told)
      if (told === FAREWELLS) this.#deps.network.evict(peer)
    }
    for (const peer of this.#told.keys()) if (!peers.includes(peer)) this.#told.delete(peer)
  }

  #tellStale(peer: PeerId, boot: number): void {
    const isNews = !this.#stale.has(peer)
    if (isNews && this.#stale.size >= STALE_MAX) return // the next one has its turn when one of these was heard again
    this.#stale.set(peer, boot)
    if (isNews) this.#beats.nudge()
  }
}

/** The heartbeat alone, without what belongs to the message. */
function withoutFrame({
  v: _v,
  stale: _stale,
  retired: _retired,
  ...heartbeat
}: HeartbeatMessage): Heartbeat {
  return heartbeat
}
