import type { Membership } from '../../cluster/membership.ts'
import type { Config } from '../../config.ts'
import { hasCode } from '../../errors.ts'
import type { Logger, Network, Worker } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import { CHUNKS_PER_PAGE_MAX } from '../../protocol/limits.ts'
import type { ChunkMessages } from '../../protocol/messages.ts'
import type { RpcCaller } from '../../protocol/rpc.ts'
import { failpoints } from '../../runtime/failpoints.ts'
import type { PeerId } from '../../types.ts'
import { inParallel } from '../../runtime/in-parallel.ts'
import type { Brakes } from '../inventory/brakes.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { Leadership } from '../leadership.ts'

/** Nodes that get a page of orders at the same time. */
const NODES_AT_ONCE = 8

export interface DeleteOrdersDeps {
  network: Network
  store: MetadataStore
  membership: Membership
  chunkRpc: RpcCaller<ChunkMessages>
  leadership: Leadership
  brakes: Brakes
  inventory: Pick<Inventory, 'takesOrders'>
  config: Config['controller']
  logger: Logger
}

/**
 * Second half of the collector: takes the standing orders to the nodes. A node that is away keeps its orders until it is back and its inventory was compared; one
 * that answered has carried out an order or holds the chunk at a greater generation, durably, and in both cases the order is done.
 */
export class DeleteOrders implements Worker {
  readonly name = 'delete-orders'
  readonly idleMs: number
  readonly #deps: DeleteOrdersDeps
  readonly #pageMax: number

  constructor(deps: DeleteOrdersDeps) {
    this.#deps = deps
    this.idleMs = deps.config.collectIntervalMs
    this.#pageMax = Math.min(deps.config.batchMax, CHUNKS_PER_PAGE_MAX)
  }

  async step(signal: AbortSignal): Promise<'busy' | 'idle'> {
    const peers = await this.#deps.store.listOrderPeers()
    if (peers.length === 0) return 'idle'
    const connected = new Set(this.#deps.network.connected())
    const reachable = peers.filter((peer) => connected.has(peer) && this.#isReady(peer))
    const more = await inParallel(
      reachable,
      NODES_AT_ONCE,
      async (peer) => await this.#deps.brakes.whileReleased(() => this.#deliver(peer, signal))
    )
    return more.includes(true) ? 'busy' : 'idle'
  }

  /** A suspect node would only hold up the others: its connection may stand while the process does not answer. */
  #isReady(peer: PeerId): boolean {
    const { membership, inventory } = this.#deps
    return membership.get(peer)?.liveness === 'active' && inventory.takesOrders(peer)
  }

  /** One page for one node; says whether there is more for it. */
  async #deliver(peer: PeerId, signal: AbortSignal): Promise<boolean> {
    const { network, store, chunkRpc, leadership, config, logger } = this.#deps
    const orders = await store.listOrders(peer, this.#pageMax)
    leadership.check()
    if (orders.length === 0 || !leadership.leads || signal.aborted) return false
    const request = {
      term: leadership.term,
      orders: orders.map(({ chunk, generation }) => ({ chunk, generation }))
    }
    const options = { signal, timeoutMs: config.requestTimeoutMs }
    try {
      const { message } = await chunkRpc.call(peer, 'delete', request, options)
      if (message.gone.length !== orders.length) {
        logger.warn('a node answered to other orders than it got', { peer })
        return false
      }
    } catch (error) {
      if (hasCode(error, 'term-stale')) leadership.lose('a node knows a greater term', { peer })
      // its orders stand; one node's failure must not slow down the others, so it does not count as the worker's
      else logger.debug('a node did not take its delete orders', { peer, err: error })
      return false
    }
    if (failpoints.armed) await failpoints.hit('orders.beforeConfirm', network.self)
    await store.confirmOrders(orders)
    return orders.length === this.#pageMax
  }
}
