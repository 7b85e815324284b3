/** Connections to every known peer: a full mesh, so that a heartbeat needs one hop and a chunk needs no dialling. */

import type { Config } from '../config.ts'
import { asPeerbinError } from '../errors.ts'
import type { Clock, Logger, Network, Random, StepResult, Worker } from '../interfaces.ts'
import type { Cell } from '../runtime/cell.ts'
import { withDeadline } from '../runtime/deadline.ts'
import type { Address, PeerId } from '../types.ts'
import type { Membership } from './membership.ts'

/** Dials at once: enough for the largest cluster to meet within seconds, few enough for the descriptors of a small machine. */
const DIALS_MAX = 16
/** Pauses between attempts to reach one peer double up to so many times `redialMs`; a peer that comes back dials by itself anyway. */
const REDIAL_GROWTH_MAX = 8
/** Looks at the connections so many times per interval. */
const LOOKS_PER_INTERVAL = 4
/** Looks with a heartbeat after a new connection: the first may be sent before the other side's subscription is known. */
const GREETINGS = 2
/** Peers remembered over a restart; any one that lives is enough to find the others. */
const KNOWN_PEERS_MAX = 256

/** Addresses by peer id, as they are kept over a restart. */
export type KnownPeers = Record<string, Address[]>

export interface MeshDeps {
  readonly network: Network
  readonly membership: Membership
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly config: Config['heartbeat']
  readonly peers: Cell<KnownPeers>
  readonly bootstrap: readonly Address[]
  /** Called after somebody has connected: let them hear of us. */
  readonly onConnected: () => void
}

interface Known {
  addresses: Address[]
  /** Whether a heartbeat came since the start; only then can its absence from the membership mean that it was forgotten. */
  heard: boolean
}

/** What is dialled: a peer that was learnt, or a bootstrap address. */
type DialTarget = PeerId | Address

interface Attempts {
  failures: number
  dueAt: number
}

export class Mesh implements Worker {
  readonly name = 'mesh'
  readonly idleMs: number
  readonly #deps: MeshDeps
  readonly #known = new Map<PeerId, Known>()
  readonly #attempts = new Map<DialTarget, Attempts>()
  readonly #dials = new Map<DialTarget, Promise<void>>()
  #connected = new Set<PeerId>()
  #greetings = 0
  #unsaved = false

  constructor(deps: MeshDeps) {
    this.#deps = deps
    this.idleMs = Math.max(1, Math.min(deps.config.intervalMs, deps.config.redialMs) / LOOKS_PER_INTERVAL)
    for (const [peer, addresses] of Object.entries(deps.peers.get())) {
      this.#known.set(peer as PeerId, { addresses, heard: false }) // keys of this record are peer ids
    }
  }

  /** A heartbeat told where a peer can be reached; it lives, so a dial is due now. */
  heard(peer: PeerId, addresses: Address[]): void {
    if (addresses.length === 0) return
    const known = this.#known.get(peer)
    const changed = known === undefined || known.addresses.join() !== addresses.join()
    this.#known.set(peer, { addresses, heard: true })
    if (!changed) return
    this.#attempts.delete(peer)
    this.#unsaved = true
    this.#deps.network.learn(peer, addresses)
  }

  /** Makes what was remembered known to the network, once it has started. */
  begin(): void {
    for (const [peer, { addresses }] of this.#known) this.#deps.network.learn(peer, addresses)
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    this.#greet()
    this.#forget()
    for (const target of this.#due()) {
      if (this.#dials.size >= DIALS_MAX) break
      const dial = this.#dial(target, signal).finally(() => this.#dials.delete(target))
      this.#dials.set(target, dial)
    }
    if (this.#unsaved) await this.#save()
    return 'idle'
  }

  /** Resolves when no dial is under way; call it after the signal of `step` has aborted. */
  async settled(): Promise<void> {
    await Promise.all(this.#dials.values())
  }

  #greet(): void {
    const now = new Set(this.#deps.network.connected())
    if ([...now].some((peer) => !this.#connected.has(peer))) this.#greetings = GREETINGS
    this.#connected = now
    if (this.#greetings === 0) return
    this.#greetings--
    this.#deps.onConnected()
  }

  /** Follows the membership: who was forgotten there is not dialled any more. */
  #forget(): void {
    for (const [peer, { heard }] of this.#known) {
      if (!heard || this.#deps.membership.get(peer) !== undefined) continue
      this.#known.delete(peer)
      this.#attempts.delete(peer)
      this.#unsaved = true
    }
  }

  #due(): DialTarget[] {
    const { network, clock, bootstrap } = this.#deps
    const now = clock.monotonic()
    const away = (peer: PeerId): boolean => peer !== network.self && !this.#connected.has(peer)
    const isDue = (target: DialTarget): boolean =>
      !this.#dials.has(target) && (this.#attempts.get(target)?.dueAt ?? 0) <= now
    const peers = [...this.#known.keys()].filter(away)
    // a bootstrap address may be the only way in, but the addresses its peer announces are better
    const addresses = bootstrap.filter((address) => {
      const peer = peerOf(address)
      if (peer === undefined) return this.#connected.size === 0
      return away(peer) && (!this.#known.has(peer) || (this.#attempts.get(peer)?.failures ?? 0) > 0)
    })
    return [...peers, ...addresses].filter(isDue)
  }

  async #dial(target: DialTarget, signal: AbortSignal): Promise<void> {
    const { network, clock, config, random, logger } = this.#deps
    try {
      await withDeadline(clock, config.dialTimeoutMs, signal, async (limit) => {
        await network.connect(target, { signal: limit })
      })
      this.#attempts.delete(target)
    } catch (error) {
      if (signal.aborted) return
      const failures = (this.#attempts.get(target)?.failures ?? 0) + 1
      const pauseMs = config.redialMs * Math.min(REDIAL_GROWTH_MAX, 2 ** (failures - 1))
      const dueAt = clock.monotonic() + pauseMs * (0.5 + random.fraction())
      this.#attempts.set(target, { failures, dueAt })
      logger.debug('a peer cannot be reached', { target, failures, code: asPeerbinError(error).code })
    }
  }

  async #save(): Promise<void> {
    const { membership, peers, logger } = this.#deps
    this.#unsaved = false
    const heardAt = (peer: PeerId): number => membership.get(peer)?.lastHeartbeatAt ?? 0
    const newest = [...this.#known].sort(([a], [b]) => heardAt(b) - heardAt(a)).slice(0, KNOWN_PEERS_MAX)
    try {
      await peers.set(Object.fromEntries(newest.map(([peer, { addresses }]) => [peer, addresses])))
    } catch (error) {
      // they are needed at the next start only, and the next change tries again
      logger.warn('the known peers could not be saved', { err: error })
    }
  }
}

/** The peer id at the end of a multiaddr, if it has one. */
function peerOf(address: Address): PeerId | undefined {
  const match = /\/p2p\/([^/]+)$/.exec(address)
  return match?.[1] as PeerId | undefined
}
