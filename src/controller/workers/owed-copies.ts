import type { Membership } from '../../cluster/membership.ts'
import type { Config } from '../../config.ts'
import { hasCode } from '../../errors.ts'
import type { Logger, StepResult, Worker } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import type { ChunkMessages } from '../../protocol/messages.ts'
import type { RpcCaller } from '../../protocol/rpc.ts'
import type { ChunkId } from '../../types.ts'
import type { CopyCheck } from '../copy-check.ts'
import { inParallel } from '../in-parallel.ts'
import type { Leadership } from '../leadership.ts'
import type { RecentChunks } from '../recent-chunks.ts'
import { planCopy } from '../repair-plan.ts'
import type { CopyPlan } from '../repair-plan.ts'
import { copiesWanted } from '../status.ts'

/** Copies made at the same time: enough to keep a few nodes busy, few enough to leave room for uploads. */
const COPIES_AT_ONCE = 4
/** Pause between two pages of which nothing could be copied, so that a long list without a way out costs little. */
const PAGE_PAUSE_MS = 100

export interface OwedCopiesDeps {
  store: MetadataStore
  membership: Membership
  chunkRpc: RpcCaller<ChunkMessages>
  leadership: Leadership
  check: CopyCheck
  recent: RecentChunks
  config: Config
  logger: Logger
}

/**
 * Has the copies made that uploads still owe: those whose node failed before it could pass the chunk on, and those lost to a bad disk. Goes
 * through the list page by page, one copy per chunk and round; reading and writing is the nodes' work.
 */
export class OwedCopies implements Worker {
  readonly name = 'owed-copies'
  readonly idleMs: number
  readonly #deps: OwedCopiesDeps
  #after: ChunkId | undefined
  #started = false

  constructor(deps: OwedCopiesDeps) {
    this.#deps = deps
    this.idleMs = deps.config.controller.owedIntervalMs
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    const { store, membership, recent, config } = this.#deps
    if (!this.#started) {
      // what the nodes were passing on when this process started is not known here
      this.#started = true
      return { retryAfterMs: config.replication.owedDelayMs }
    }
    const copies = copiesWanted(config.replication.copies, membership)
    if (copies < 2) return 'idle'
    const limit = config.controller.batchMax
    const page = await store.listOwed(copies, this.#after, limit)
    this.#after = page.length === limit ? page.at(-1)?.chunk : undefined
    const members = membership.all()
    const plans = page
      .filter((owed) => !recent.has(owed.chunk))
      .flatMap((owed) => planCopy(owed, members) ?? [])
    const made = await inParallel(plans, COPIES_AT_ONCE, (plan) => this.#make(plan, signal))
    if (made.includes(true)) return 'busy'
    return this.#after === undefined ? 'idle' : { retryAfterMs: PAGE_PAUSE_MS }
  }

  /** Has one copy made and records it; says whether that worked. What failed comes up again in a later round. */
  async #make(plan: CopyPlan, signal: AbortSignal): Promise<boolean> {
    const { store, chunkRpc, leadership, check, config, logger } = this.#deps
    if (signal.aborted || !leadership.leads) return false
    const { chunk, generation, from, to } = plan
    try {
      const { message } = await chunkRpc.call(
        from,
        'copy',
        { term: leadership.term, id: chunk, generation, to },
        { signal, timeoutMs: config.replication.putTimeoutMs }
      )
      await store.recordReceipts([message.receipt])
      return true
    } catch (error) {
      if (signal.aborted) return false
      logger.debug('a copy could not be made', { ...plan, err: error })
      if (hasCode(error, 'term-stale')) leadership.lose('a node knows a greater term', { peer: from })
      // the complaint may also be the target's, about bytes that were damaged on the way; so the source is asked
      if (hasCode(error, 'chunk-not-found', 'chunk-corrupt')) {
        await check.dropIfBad({ peer: from, chunk, generation }, signal)
      }
      return false
    }
  }
}
