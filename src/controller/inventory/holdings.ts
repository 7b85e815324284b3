/** Questions to one node about chunks that are recorded for it. Its answers change what is recorded for itself, and nothing else. */

import { PeerbinError } from '../../errors.ts'
import type { HeldChunk, HeldOutcome, MetadataStore } from '../../metadata-store.ts'
import { CHUNKS_PER_PAGE_MAX } from '../../protocol/limits.ts'
import type { ChunkMessages } from '../../protocol/messages.ts'
import type { RpcCaller } from '../../protocol/rpc.ts'
import type { ChunkId, PeerId } from '../../types.ts'
import { isHeldAs } from '../copy-check.ts'
import { inParallel } from '../../runtime/in-parallel.ts'
import type { TrimWatch } from '../trim-watch.ts'

/** The store writes down together what comes together. */
const DROPS_AT_ONCE = 32
/** A copy that is trimmed again and again while its node is asked is left to the next inventory. */
const ROUNDS_MAX = 4

/** A node in the boot that is compared, and the number of the comparison: the store's time at its start, in ms. */
export interface Visit {
  readonly peer: PeerId
  readonly host: string
  readonly boot: number
  readonly inventory: number
}

/** A copy of the visited node, with the boot it is recorded in. */
export type RecordedCopy = HeldChunk & { boot: number }

export interface HoldingsDeps {
  store: Pick<MetadataStore, 'reconcileHeld' | 'dropCopy'>
  chunkRpc: RpcCaller<ChunkMessages>
  trims: TrimWatch
  /** Limit for one request to a node. */
  timeoutMs: number
}

export const bootChanged = (): PeerbinError =>
  new PeerbinError('peer-unreachable', 'the node started again meanwhile')

/** What a node said it holds, and the last trim that had begun or ended before it was asked. */
export interface Said {
  /** At the generations the node has them. */
  held: readonly HeldChunk[]
  since: number
}

interface Answer {
  said: Said
  lost: RecordedCopy[]
}

/**
 * Asks a node for a page of copies. One at a smaller generation than recorded is lost too: an older disk came back, and a late order could delete it.
 *
 * @throws when the node is in another boot, or does not answer
 */
async function ask(
  { chunkRpc, trims, timeoutMs }: HoldingsDeps,
  { peer, boot }: Visit,
  copies: readonly RecordedCopy[],
  signal: AbortSignal
): Promise<Answer> {
  const ids = copies.map(({ chunk }) => chunk)
  const since = trims.last
  const { message } = await chunkRpc.call(peer, 'has', { ids }, { signal, timeoutMs })
  if (message.boot !== boot) throw bootChanged()
  if (message.chunks.length !== ids.length) {
    throw new PeerbinError('protocol-violation', 'a node answered to other chunks than it was asked for')
  }
  const held: HeldChunk[] = []
  const lost: RecordedCopy[] = []
  for (const [index, copy] of copies.entries()) {
    const info = message.chunks[index]
    if (isHeldAs(info, copy)) held.push({ chunk: copy.chunk, generation: info.generation })
    else lost.push(copy)
  }
  return { said: { held, since }, lost }
}

/**
 * Takes in what the node said. Of copies that were trimmed since, it is asked again when the trim is over: they have most likely gone, and are left out then.
 *
 * @returns what was made of those that it holds
 */
export async function recordHeld(
  deps: HoldingsDeps,
  visit: Visit,
  said: Said,
  signal: AbortSignal
): Promise<Array<HeldChunk & { outcome: HeldOutcome }>> {
  const { store, trims } = deps
  const { peer, host, boot, inventory } = visit
  const taken: Array<HeldChunk & { outcome: HeldOutcome }> = []
  let { held, since } = said
  for (let round = 0; held.length > 0 && round < ROUNDS_MAX; round++) {
    const isDoubtful = ({ chunk }: HeldChunk): boolean => trims.isTrimmedSince({ peer, chunk }, since)
    const doubtful = held.filter(isDoubtful)
    const sure = doubtful.length === 0 ? held : held.filter((copy) => !isDoubtful(copy))
    if (sure.length > 0) {
      // in this very turn: a trim that begins later finds the record
      const outcomes = await store.reconcileHeld({ peer, host, boot, inventory, held: sure })
      for (const [index, outcome] of outcomes.entries()) {
        const copy = sure[index]
        if (copy !== undefined) taken.push({ ...copy, outcome })
      }
    }
    if (doubtful.length === 0) break
    for (const { chunk } of doubtful) await trims.settled({ peer, chunk })
    const answer = await ask(
      deps,
      visit,
      doubtful.map((copy) => ({ ...copy, boot })),
      signal
    )
    held = answer.said.held
    since = answer.said.since
  }
  return taken
}

/**
 * Asks about copies that are recorded for the node, and makes the record true: those it holds count in its present boot, the others no longer count. What is recorded
 * was durable on the node before it was recorded, so that `null` now means lost.
 *
 * @returns chunks whose copy no longer counts
 */
export async function checkRecorded(
  deps: HoldingsDeps,
  visit: Visit,
  copies: readonly RecordedCopy[],
  signal: AbortSignal
): Promise<ChunkId[]> {
  const lost: ChunkId[] = []
  for (let start = 0; start < copies.length; start += CHUNKS_PER_PAGE_MAX) {
    const page = copies.slice(start, start + CHUNKS_PER_PAGE_MAX)
    const answer = await ask(deps, visit, page, signal)
    await recordHeld(deps, visit, answer.said, signal)
    lost.push(...(await dropLost(deps, visit, answer.lost, signal)))
  }
  return lost
}

/**
 * Takes copies off the record that their node said it does not hold. It may have been given one of them again since it said so: a receipt of a later boot than the one
 * recorded is safe from this, and where the boot is the same the node is asked once more.
 *
 * @returns those that stay off the record
 */
async function dropLost(
  deps: HoldingsDeps,
  visit: Visit,
  lost: readonly RecordedCopy[],
  signal: AbortSignal
): Promise<ChunkId[]> {
  const { peer, boot } = visit
  await inParallel(lost, DROPS_AT_ONCE, async ({ chunk, generation, boot: recordedIn }) => {
    await deps.store.dropCopy({ peer, chunk, generation, boot: recordedIn })
  })
  const doubtful = lost.filter((copy) => copy.boot >= boot)
  if (doubtful.length === 0) return lost.map(({ chunk }) => chunk)
  const { said } = await ask(deps, visit, doubtful, signal)
  const back = new Set((await recordHeld(deps, visit, said, signal)).map(({ chunk }) => chunk))
  return lost.flatMap(({ chunk }) => (back.has(chunk) ? [] : [chunk]))
}
