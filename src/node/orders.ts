import type { Config } from '../config.ts'
import { asPeerbinError, PeerbinError } from '../errors.ts'
import type { ChunkStore, Clock } from '../interfaces.ts'
import type { ChunkMessages, RequestOf, ResponseOf } from '../protocol/messages.ts'
import type { RpcAnswer, RpcRequest } from '../protocol/rpc.ts'
import { deadline, throwIfAborted } from '../runtime/deadline.ts'
import { failpoints } from '../runtime/failpoints.ts'
import type { ChunkId, Generation, PeerId, Receipt, Term } from '../types.ts'
import type { ClientLoad } from './client-load.ts'
import type { FinishedPuts } from './finished-puts.ts'
import type { Places } from './places.ts'
import type { Replication } from './replication.ts'
import type { Serving } from './serving.ts'
import type { TermFence } from './term-fence.ts'

type Request<K extends keyof ChunkMessages> = RpcRequest<RequestOf<ChunkMessages, K>>
type Answer<K extends keyof ChunkMessages> = Promise<RpcAnswer<ResponseOf<ChunkMessages, K>>>

export interface OrdersDeps {
  self: PeerId
  host: string
  boot: () => number
  store: ChunkStore
  fence: TermFence
  puts: FinishedPuts
  places: Places
  serving: Serving
  replication: Replication
  clients: ClientLoad
  clock: Clock
  config: Config['replication']
  /** Told when the own store could not carry out an order. */
  onStoreError: (error: PeerbinError) => void
}

/** A chunk, and up to which generation (delete, trim) or to which one (raise). */
interface Order {
  chunk: ChunkId
  generation: Generation
}

/** Carries out what the leading controller orders, and nothing that an earlier leader does. */
export class Orders {
  readonly #deps: OrdersDeps

  constructor(deps: OrdersDeps) {
    this.#deps = deps
  }

  async delete(request: Request<'delete'>): Answer<'delete'> {
    const { term, orders } = request.message
    return {
      message: { gone: await this.#each(request.signal, term, orders, (order) => this.#remove(order)) }
    }
  }

  /** In a later boot than the order names nothing is removed: this process may not know of the puts of the one before. */
  async trim(request: Request<'trim'>): Answer<'trim'> {
    const { term, boot, puts, orders } = request.message
    const gone = await this.#each(request.signal, term, orders, async (order) =>
      this.#deps.puts.removeUnlessPut(order.chunk, puts, async () => {
        this.#deps.fence.check(term) // it may have waited for its turn
        return boot === this.#deps.boot() && (await this.#remove(order))
      })
    )
    return { message: { gone } }
  }

  /** Counts as a put: the receipt says that the chunk is here, and a trim that was decided before must not take it away. */
  async raise(request: Request<'raise'>): Answer<'raise'> {
    const { puts, store } = this.#deps
    const { term, chunks } = request.message
    const receipts = await this.#each(request.signal, term, chunks, async ({ chunk, generation }) => {
      const info = await puts.put(chunk, generation, async () => await store.raise(chunk, generation))
      return info === undefined ? null : this.#receipt(chunk, info.generation)
    })
    return { message: { receipts } }
  }

  /** Reads an own chunk, verified, and gives it to a peer, which verifies it again: rot is never copied onward. */
  async copy(request: Request<'copy'>): Answer<'copy'> {
    const { clients, clock, config, fence, places, replication, self, serving, store } = this.#deps
    const { term, id, generation, to } = request.message
    if (to === self) throw new PeerbinError('bad-request', 'a node cannot give a copy to itself')
    await fence.admit(term)
    using limit = deadline(clock, config.putTimeoutMs + config.getTimeoutMs, request.signal)
    const held = await places.enterCopy(limit.signal)
    try {
      const info = await store.stat(id)
      if (info === undefined) throw new PeerbinError('chunk-not-found')
      const bytes = await serving.read(info, 0, info.sizeBytes, limit.signal)
      const body = { sizeBytes: bytes.byteLength, pieces: [bytes] }
      const receipt = await replication.send(to, id, generation, body, limit.signal)
      return { message: { receipt, busy: clients.underWay } }
    } finally {
      for (const lease of held) lease.release()
    }
  }

  /** One after another: each is small, and the next leader's order must be able to come between. */
  async #each<T>(
    signal: AbortSignal,
    term: Term,
    orders: readonly Order[],
    carryOut: (order: Order) => Promise<T>
  ): Promise<T[]> {
    const { fence, onStoreError } = this.#deps
    await fence.admit(term)
    const results: T[] = []
    for (const order of orders) {
      throwIfAborted(signal)
      fence.check(term)
      try {
        results.push(await carryOut(order))
      } catch (caught) {
        const error = asPeerbinError(caught, 'store-failed')
        onStoreError(error)
        throw error
      }
    }
    return results
  }

  async #remove({ chunk, generation }: Order): Promise<boolean> {
    const { self, store } = this.#deps
    if (failpoints.armed) await failpoints.hit('chunk.delete.beforeStore', self)
    const isGone = await store.delete(chunk, generation)
    if (failpoints.armed) await failpoints.hit('chunk.delete.afterStore', self)
    return isGone
  }

  #receipt(chunk: ChunkId, generation: Generation): Receipt {
    const { self, host, boot } = this.#deps
    return { peer: self, host, chunk, generation, boot: boot() }
  }
}
