import type { Membership } from '../cluster/membership.ts'
import type { Service } from '../interfaces.ts'
import type { Address, PeerId } from '../types.ts'
import { joinStringOf } from './cluster-key.ts'
import type { Peer } from './peer.ts'
import { ServiceStack } from './service-stack.ts'

/**
 * One process's part in a cluster. `start` may be called once; `stop` gives everything back (sockets, files, locks, timers), also
 * when it was never started, and is final.
 */
export class RunningPeer implements Service {
  readonly #peer: Peer
  readonly #stack: ServiceStack

  /** @param order.before start before the network does: a store is open before anybody can ask. @param order.after start when the heartbeat runs. */
  constructor(
    peer: Peer,
    order: { readonly before?: readonly Service[]; readonly after?: readonly Service[] }
  ) {
    this.#peer = peer
    this.#stack = new ServiceStack({
      services: [...(order.before ?? []), peer.network, peer.announcer, ...(order.after ?? [])],
      logger: peer.logger,
      onStopped: () => peer.close()
    })
  }

  get peerId(): PeerId {
    return this.#peer.network.self
  }

  /** Where it can be dialled; empty until started. */
  get addresses(): readonly Address[] {
    return this.#peer.network.addresses()
  }

  /** Who is in the cluster, as this process sees it. */
  get membership(): Membership {
    return this.#peer.membership
  }

  /** What a further machine needs to join through this peer; after the start. Holds the cluster's secret. */
  get joinString(): string {
    return joinStringOf(this.#peer.joinKey())
  }

  /** Rejects with what went wrong, and has given everything back by then. */
  start(): Promise<void> {
    return this.#stack.start()
  }

  stop(): Promise<void> {
    return this.#stack.stop()
  }
}
