/** Copies of an earlier life of a live chunk: lifted into its present one where copies are wanted, deleted otherwise. */

import type { Membership } from '../../cluster/membership.ts'
import { hasCode } from '../../errors.ts'
import type { HeldChunk, MetadataStore, PlacedChunkRecord } from '../../metadata-store.ts'
import type { ChunkMessages } from '../../protocol/messages.ts'
import type { RpcCaller } from '../../protocol/rpc.ts'
import { inParallel } from '../../runtime/in-parallel.ts'
import type { Leadership } from '../leadership.ts'
import { copiesWanted } from '../status.ts'
import type { Brakes } from './brakes.ts'
import type { Visit } from './holdings.ts'

/** Chunks looked up at once. */
const LOOKUPS_AT_ONCE = 32

export interface StaleCopiesDeps {
  store: Pick<MetadataStore, 'findChunk' | 'recordReceipts' | 'orderStale'>
  membership: Membership
  chunkRpc: RpcCaller<ChunkMessages>
  leadership: Leadership
  brakes: Brakes
  /** Copies each chunk should have, where there are so many nodes. */
  copies: number
  timeoutMs: number
}

export class StaleCopies {
  readonly #deps: StaleCopiesDeps

  constructor(deps: StaleCopiesDeps) {
    this.#deps = deps
  }

  /** @param held a page of copies that the node holds at smaller generations than their chunks have */
  async settle(visit: Visit, held: readonly HeldChunk[], signal: AbortSignal): Promise<void> {
    const { store, brakes } = this.#deps
    const found = await inParallel(held, LOOKUPS_AT_ONCE, async (copy) => ({
      copy,
      chunk: await store.findChunk(copy.chunk)
    }))
    const stale = found.flatMap(({ copy, chunk }) =>
      // what is no longer live in the meantime is the collector's
      chunk === undefined || copy.generation >= chunk.generation ? [] : [{ copy, chunk }]
    )
    const lacking = stale.filter(({ chunk }) => this.#lacksCopies(chunk))
    if (lacking.length > 0) {
      await this.#raise(
        visit,
        lacking.map(({ chunk }) => chunk),
        signal
      )
    }
    const useless = stale.filter((entry) => !lacking.includes(entry)).map(({ copy }) => copy)
    if (useless.length === 0) return
    await brakes.whileReleased(async () => await store.orderStale(visit.peer, useless))
  }

  /** Copies on nodes that are down do not count: one too many is trimmed later, and these bytes are here already. */
  #lacksCopies({ generation, copies }: PlacedChunkRecord): boolean {
    const { membership, copies: wanted } = this.#deps
    const living = copies.filter((copy) => {
      const liveness = membership.get(copy.peer)?.liveness
      return copy.generation === generation && liveness !== undefined && liveness !== 'down'
    })
    return living.length < copiesWanted(wanted, membership)
  }

  async #raise(visit: Visit, chunks: readonly PlacedChunkRecord[], signal: AbortSignal): Promise<void> {
    const { store, chunkRpc, leadership, timeoutMs } = this.#deps
    if (!leadership.leads) return
    const request = {
      term: leadership.term,
      chunks: chunks.map(({ chunk, generation }) => ({ chunk, generation }))
    }
    try {
      const { message } = await chunkRpc.call(visit.peer, 'raise', request, { signal, timeoutMs })
      const receipts = chunks.flatMap(({ chunk, generation }, index) => {
        const receipt = message.receipts[index]
        const isRight =
          receipt?.peer === visit.peer &&
          receipt.chunk === chunk &&
          receipt.generation >= generation &&
          receipt.boot === visit.boot
        // recorded at the generation that was asked for: a node cannot make it greater
        return isRight ? [{ ...receipt, host: visit.host, generation }] : []
      })
      if (receipts.length > 0) await store.recordReceipts(receipts)
    } catch (error) {
      if (hasCode(error, 'term-stale')) leadership.lose('a node knows a greater term', { peer: visit.peer })
      throw error
    }
  }
}
