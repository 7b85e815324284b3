/** Copies that a node says it holds and nobody knew of, of chunks that have enough copies without them. */

import type { Membership } from '../../cluster/membership.ts'
import { asPeerbinError } from '../../errors.ts'
import type { Logger } from '../../interfaces.ts'
import type { HeldChunk, MetadataStore, PlacedChunkRecord } from '../../metadata-store.ts'
import { matchesId } from '../../protocol/ids.ts'
import type { ChunkMessages } from '../../protocol/messages.ts'
import type { RpcCaller } from '../../protocol/rpc.ts'
import type { ChunkId } from '../../types.ts'
import { inParallel } from '../../runtime/in-parallel.ts'
import { copiesWanted } from '../status.ts'
import type { Visit } from './holdings.ts'

/** Chunks looked up at once. */
const LOOKUPS_AT_ONCE = 32

export interface ClaimsDeps {
  store: Pick<MetadataStore, 'findChunk'>
  membership: Membership
  chunkRpc: RpcCaller<ChunkMessages>
  /** Copies each chunk should have, where there are so many nodes. */
  copies: number
  /** Limit for reading one chunk. */
  getTimeoutMs: number
  logger: Logger
}

/**
 * A copy more than enough makes repair delete one, perhaps another node's. So a node is not simply believed here: it has to show the bytes. Such copies are few,
 * left over from trims that were not carried out; where copies are lacking, a node's word is enough, as its receipts are.
 */
export class Claims {
  readonly #deps: ClaimsDeps

  constructor(deps: ClaimsDeps) {
    this.#deps = deps
  }

  /** Which of these must be proved before they are recorded. */
  async doubted(held: readonly HeldChunk[]): Promise<HeldChunk[]> {
    const enough = await inParallel(held, LOOKUPS_AT_ONCE, async ({ chunk, generation }) => {
      const known = await this.#deps.store.findChunk(chunk)
      return known !== undefined && generation >= known.generation && this.#hasEnough(known)
    })
    return held.filter((_held, index) => enough[index] === true)
  }

  #hasEnough({ generation, copies }: PlacedChunkRecord): boolean {
    const { membership, copies: wanted } = this.#deps
    const sure = copies.filter((copy) => {
      const member = membership.get(copy.peer)
      return copy.generation === generation && member?.liveness === 'active' && member.boot === copy.boot
    })
    return sure.length >= copiesWanted(wanted, membership)
  }

  /** Reads the whole chunk from the node; says whether the bytes are right. */
  async isProved({ peer }: Visit, chunk: ChunkId, signal: AbortSignal): Promise<boolean> {
    const { chunkRpc, getTimeoutMs, logger } = this.#deps
    const allocate = (sizeBytes: number): Uint8Array => new Uint8Array(sizeBytes)
    try {
      const options = { signal, timeoutMs: getTimeoutMs, allocate }
      const { body } = await chunkRpc.call(peer, 'get', { id: chunk, offset: 0 }, options)
      if (body !== undefined && matchesId(chunk, body)) return true
      logger.warn('a node does not have what it says it has', { peer, chunk })
    } catch (error) {
      if (signal.aborted) throw error
      logger.info('a surplus copy could not be read', { peer, chunk, code: asPeerbinError(error).code })
    }
    return false
  }
}
