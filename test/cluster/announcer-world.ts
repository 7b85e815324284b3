/** Announcers over the memory network, on a clock that moves when a test lets it. */

import type { Test } from 'tap'
import { Announcer } from '../../src/cluster/announcer.ts'
import type { KnownPeers, SelfDescription } from '../../src/cluster/announcer.ts'
import { Membership } from '../../src/cluster/membership.ts'
import { defaultConfig } from '../../src/config.ts'
import type { Network } from '../../src/interfaces.ts'
import { MemoryHub } from '../../src/network/memory-network.ts'
import { memoryCell } from '../../src/runtime/cell.ts'
import type { Cell } from '../../src/runtime/cell.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import type { Address, PeerId, Role, Term } from '../../src/types.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { seededRandom } from '../kit/seeded-random.ts'
import { heartbeat } from './members.ts'

/** What a process keeps over a restart. */
export interface Disk {
  boot: Cell<number>
  peers: Cell<KnownPeers>
}

export interface Process {
  network: Network
  membership: Membership
  announcer: Announcer
  disk: Disk
  stop: () => Promise<void>
}

export class World {
  readonly clock = new ManualClock()
  readonly random = seededRandom(7)
  readonly hub = new MemoryHub({ clock: this.clock, random: this.random })
  readonly config = defaultConfig().heartbeat
  readonly #test: Test

  constructor(test: Test) {
    this.#test = test
  }

  /** Starts a process; with `disk` and `peer` of an earlier one it is a restart. */
  async start(options: {
    bootstrap?: Address[]
    disk?: Disk
    peer?: PeerId
    role?: Role
    clock?: ManualClock
    /** What it says of itself, beside the rest; may change while it runs. */
    about?: Partial<SelfDescription>
    greatestTerm?: () => Term
  }): Promise<Process> {
    const { random, config } = this
    const clock = options.clock ?? this.clock
    const network = this.hub.network(options.peer === undefined ? {} : { peer: options.peer })
    const membership = new Membership({ clock, ...config })
    const disk = options.disk ?? { boot: memoryCell(0), peers: memoryCell<KnownPeers>({}) }
    const { peer: _peer, boot: _boot, sequence: _sequence, addresses: _addresses, ...self } = heartbeat(1)
    const announcer = new Announcer({
      network,
      membership,
      clock,
      random,
      logger: silentLogger,
      config,
      ...disk,
      bootstrap: options.bootstrap ?? [],
      describe: async () => ({ ...self, roles: [options.role ?? 'node'], ...options.about }),
      greatestTerm: options.greatestTerm,
      version: 'test'
    })
    await network.start()
    await announcer.start()
    let stopped = false
    const stop = async (): Promise<void> => {
      if (stopped) return
      stopped = true
      await announcer.stop()
      await network.stop()
    }
    this.#test.teardown(stop)
    return { network, membership, announcer, disk, stop }
  }
}

export const active = (process: Process): PeerId[] =>
  process.membership.active('node').map(({ peer }) => peer)
export const ids = (processes: readonly Process[]): PeerId[] =>
  processes.map(({ network }) => network.self).sort()
