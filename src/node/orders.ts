import type { Config } from '../config.ts'
import { asPeerbinError, PeerbinError } from '../errors.ts'
import type { ChunkStore, Clock } from '../interfaces.ts'
import type { ChunkMessages, RequestOf, ResponseOf } from '../protocol/messages.ts'
import type { RpcAnswer, RpcRequest } from '../protocol/rpc.ts'
import { deadline, throwIfAborted } from '../runtime/deadline.ts'
import { failpoints } from '../runtime/failpoints.ts'
import type { PeerId } from '../types.ts'
import type { Places } from './places.ts'
import type { Replication } from './replication.ts'
import type { Serving } from './serving.ts'
import type { TermFence } from './term-fence.ts'

type Request<K extends keyof ChunkMessages> = RpcRequest<RequestOf<ChunkMessages, K>>
type Answer<K extends keyof ChunkMessages> = Promise<RpcAnswer<ResponseOf<ChunkMessages, K>>>

export interface OrdersDeps {
  self: PeerId
  store: ChunkStore
  fence: TermFence
  places: Places
  serving: Serving
  replication: Replication
  clock: Clock
  config: Config['replication']
  /** Told when the own store could not carry out an order. */
  onStoreError: (error: PeerbinError) => void
}

/** Carries out what the leading controller orders, and nothing that an earlier leader does. */
export class Orders {
  readonly #deps: OrdersDeps

  constructor(deps: OrdersDeps) {
    this.#deps = deps
  }

  /** One after another: a delete is small, and the next leader's order must be able to come between. */
  async delete(request: Request<'delete'>): Answer<'delete'> {
    const { self, store, fence, onStoreError } = this.#deps
    const { term, orders } = request.message
    await fence.admit(term)
    const gone: boolean[] = []
    for (const order of orders) {
      throwIfAborted(request.signal)
      fence.check(term)
      try {
        if (failpoints.armed) await failpoints.hit('chunk.delete.beforeStore', self)
        gone.push(await store.delete(order.chunk, order.generation))
        if (failpoints.armed) await failpoints.hit('chunk.delete.afterStore', self)
      } catch (caught) {
        const error = asPeerbinError(caught, 'store-failed')
        onStoreError(error)
        throw error
      }
    }
    return { message: { gone } }
  }

  /** Reads an own chunk, verified, and gives it to a peer, which verifies it again: rot is never copied onward. */
  async copy(request: Request<'copy'>): Answer<'copy'> {
    const { clock, config, fence, places, replication, self, serving, store } = this.#deps
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
      return { message: { receipt: await replication.send(to, id, generation, body, limit.signal) } }
    } finally {
      for (const lease of held) lease.release()
    }
  }
}
