import { PeerbinError } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import type { ChunkMessages, RequestOf, ResponseOf } from '../protocol/messages.ts'
import type { RpcAnswer, RpcRequest } from '../protocol/rpc.ts'
import type { Cell } from '../runtime/cell.ts'
import type { TermFence } from './term-fence.ts'

export interface DrainingDeps {
  /** Durable: a node that is being emptied stays so over restarts. */
  cell: Cell<boolean>
  fence: TermFence
  /** Sends a heartbeat without waiting for its time. Never rejects. */
  announce: () => Promise<void>
  logger: Logger
}

/** Whether this node may be given chunks: not while an operator has it emptied, and never again once it was retired. */
export class Draining {
  readonly #deps: DrainingDeps
  #isRetired = false

  constructor(deps: DrainingDeps) {
    this.#deps = deps
  }

  get isDraining(): boolean {
    return this.#deps.cell.get()
  }

  get isRetired(): boolean {
    return this.#isRetired
  }

  /** The cluster has forgotten this node. Idempotent. */
  retire(): void {
    if (this.#isRetired) return
    this.#isRetired = true
    this.#deps.logger.error(
      'this node was retired from the cluster: nobody uses what it holds, and it takes nothing more. To give its disk to the cluster ' +
        'again, stop it and start a node with a new, empty data folder'
    )
    void this.#deps.announce()
  }

  /**
   * Refuses what would be kept here for others. A writer that is told `shutting-down` goes to the next node at once, and does not come back to this one.
   * @throws `node-retired`, `shutting-down`
   */
  checkTakes(): void {
    if (this.#isRetired) throw new PeerbinError('node-retired')
    if (!this.isDraining) return
    throw new PeerbinError('shutting-down', 'The node is being emptied and takes no new chunks.')
  }

  async set(
    request: RpcRequest<RequestOf<ChunkMessages, 'setDraining'>>
  ): Promise<RpcAnswer<ResponseOf<ChunkMessages, 'setDraining'>>> {
    const { cell, fence, announce, logger } = this.#deps
    const { term, draining } = request.message
    await fence.admit(term)
    const changes = cell.get() !== draining
    // also when nothing changes: an earlier write may have failed after it was seen
    await cell.set(draining)
    if (changes) {
      logger.info(draining ? 'this node is being emptied' : 'this node takes chunks again')
      void announce()
    }
    return { message: {} }
  }
}
