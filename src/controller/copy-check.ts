/** Asks a node about a copy somebody complained of. A complaint alone changes nothing: one confused reader must not make the cluster forget copies. */

import type { Config } from '../config.ts'
import { hasCode } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import type { MetadataStore } from '../metadata-store.ts'
import type { ChunkMessages } from '../protocol/messages.ts'
import type { RpcCaller } from '../protocol/rpc.ts'
import { Budget } from '../runtime/budget.ts'
import type { ChunkId, ChunkInfo, Generation, PeerId } from '../types.ts'

/** Checks at once; each makes a node read up to 4 MiB. */
const CHECKS_MAX = 8
/** Checks that wait; more are turned away, and the reader complains again if it still matters. */
const WAITERS_MAX = 256

export interface CopyCheckDeps {
  store: MetadataStore
  chunkRpc: RpcCaller<ChunkMessages>
  /** Told of chunks whose copy no longer counts. */
  onDropped: (chunks: readonly ChunkId[]) => void
  /** Told of a node that was given a chunk again while its copy was taken off the record. */
  onDoubt: (peer: PeerId) => void
  config: Config['replication']
  logger: Logger
}

export interface SuspectCopy {
  peer: PeerId
  chunk: ChunkId
  generation: Generation
}

/** Whether a node's answer to `has` says that it holds this copy. A smaller generation does not count: a late order could delete it. */
export const isHeldAs = (
  info: ChunkInfo | null | undefined,
  { chunk, generation }: Omit<SuspectCopy, 'peer'>
): info is ChunkInfo =>
  info !== null && info !== undefined && info.id === chunk && info.generation >= generation

export class CopyCheck {
  readonly #deps: CopyCheckDeps
  readonly #budget = new Budget(CHECKS_MAX, WAITERS_MAX)

  constructor(deps: CopyCheckDeps) {
    this.#deps = deps
  }

  /** Which of these copies, a page at most, the node says it holds; none when it cannot be asked. @throws `busy` */
  async areHeld(
    peer: PeerId,
    copies: ReadonlyArray<Omit<SuspectCopy, 'peer'>>,
    signal: AbortSignal,
    timeoutMs: number
  ): Promise<boolean[]> {
    const lease = await this.#budget.acquire(1, signal)
    try {
      const ids = copies.map(({ chunk }) => chunk)
      const { message } = await this.#deps.chunkRpc.call(peer, 'has', { ids }, { signal, timeoutMs })
      return copies.map(({ chunk, generation }, index) => {
        return isHeldAs(message.chunks[index], { chunk, generation })
      })
    } catch (error) {
      this.#deps.logger.debug('a node could not be asked about copies', { peer, err: error })
      return copies.map(() => false)
    } finally {
      lease.release()
    }
  }

  /** Drops the record of a copy if its node confirms that it is missing or rotten; says whether it did. @throws `busy` */
  async dropIfBad(copy: SuspectCopy, signal: AbortSignal): Promise<boolean> {
    const lease = await this.#budget.acquire(1, signal)
    try {
      if (!(await this.#isBad(copy, signal))) return false
      const { store, logger, onDropped } = this.#deps
      await store.dropCopy(copy)
      logger.warn('a recorded copy is missing or rotten and no longer counts', { ...copy })
      onDropped([copy.chunk])
      await this.#lookAgain(copy, signal)
      return true
    } finally {
      lease.release()
    }
  }

  /** A rotten copy is in quarantine and not held, so that what is held now came after the answer that made the record drop. */
  async #lookAgain(copy: SuspectCopy, signal: AbortSignal): Promise<void> {
    try {
      if (await this.#isMissing(copy, signal)) return
    } catch (error) {
      this.#deps.logger.debug('a node could not be asked about a copy', { peer: copy.peer, err: error })
    }
    this.#deps.onDoubt(copy.peer)
  }

  /** False also when the node cannot be asked: a node that is away keeps what is recorded of it. */
  async #isBad(copy: SuspectCopy, signal: AbortSignal): Promise<boolean> {
    const { chunkRpc, config, logger } = this.#deps
    const { peer, chunk } = copy
    try {
      if (await this.#isMissing(copy, signal)) return true
      // a node verifies the whole chunk before it gives out a byte of it
      const allocate = (sizeBytes: number): Uint8Array => new Uint8Array(sizeBytes)
      const options = { signal, timeoutMs: config.getTimeoutMs, allocate }
      await chunkRpc.call(peer, 'get', { id: chunk, offset: 0, length: 1 }, options)
      return false
    } catch (error) {
      if (hasCode(error, 'chunk-not-found', 'chunk-corrupt')) return true
      logger.debug('a node could not be asked about a copy', { peer, chunk, err: error })
      return false
    }
  }

  /** At a smaller generation than it gave a receipt for, too: an older disk came back, and a late order could delete this copy. */
  async #isMissing({ peer, chunk, generation }: SuspectCopy, signal: AbortSignal): Promise<boolean> {
    const { chunkRpc, config } = this.#deps
    const options = { signal, timeoutMs: config.getTimeoutMs }
    const { message } = await chunkRpc.call(peer, 'has', { ids: [chunk] }, options)
    const info = message.chunks[0] ?? null
    return info === null || info.generation < generation
  }
}
