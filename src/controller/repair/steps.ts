/** The two things repair does with a chunk: have one copy made, or have one removed. Each is safe to be cut off at any point, and to be done again. */

import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import type { Network } from '../../interfaces.ts'
import type { MetadataStore, NodeBoot, PlacedChunkRecord } from '../../metadata-store.ts'
import type { ChunkMessages } from '../../protocol/messages.ts'
import type { RpcCaller } from '../../protocol/rpc.ts'
import { failpoints } from '../../runtime/failpoints.ts'
import type { PeerId } from '../../types.ts'
import { isHeldAs } from '../copy-check.ts'
import type { CopyCheck } from '../copy-check.ts'
import type { Brakes } from '../inventory/brakes.ts'
import type { Leadership } from '../leadership.ts'
import type { TrimWatch } from '../trim-watch.ts'

export interface StepDeps {
  readonly network: Pick<Network, 'self'>
  readonly store: MetadataStore
  readonly chunkRpc: RpcCaller<ChunkMessages>
  readonly leadership: Leadership
  readonly check: CopyCheck
  readonly brakes: Brakes
  readonly trims: TrimWatch
  readonly config: Config
}

/**
 * Has one copy made: the source verifies the chunk when it reads it, the target before it stores it, and the copy is recorded only with the target's receipt. Answers how many
 * requests of clients are under way on the source.
 *
 * @throws what the nodes answered; nothing is recorded then, and an inventory finds the copy if there is one.
 */
export async function makeCopy(
  deps: StepDeps,
  chunk: PlacedChunkRecord,
  { from, to }: { from: PeerId; to: PeerId },
  signal: AbortSignal
): Promise<{ busy: number }> {
  const { store, chunkRpc, leadership, config } = deps
  const { chunk: id, generation } = chunk
  const timeoutMs = config.replication.getTimeoutMs + config.replication.putTimeoutMs
  const order = { term: leadership.term, id, generation, to }
  const { message } = await chunkRpc.call(from, 'copy', order, { signal, timeoutMs })
  const { receipt } = message
  if (receipt.peer !== to || receipt.chunk !== id || receipt.generation !== generation) {
    throw new PeerbinError('protocol-violation', 'a node answered with a receipt for another copy')
  }
  if (failpoints.armed) await failpoints.hit('repair.copy.beforeRecord', deps.network.self)
  await store.recordReceipts([receipt])
  return { busy: message.busy }
}

/** `trimmed`: the node has deleted it; `forgotten`: it no longer counts, whatever the node holds; `kept`: it could not be spared, or not now. */
export type Removal = 'trimmed' | 'forgotten' | 'kept'

/**
 * Removes a copy that is too many, after each node that keeps one has said, now, that it does. The record goes first, on condition that the others still stand, so that nobody
 * counts on the copy when the node deletes it; the node deletes nothing that it was given again since it was asked. If it does not delete it after all, an inventory finds
 * the copy again.
 */
export async function removeCopy(
  deps: StepDeps,
  chunk: PlacedChunkRecord,
  { peer, keep }: { peer: PeerId; keep: readonly NodeBoot[] },
  signal: AbortSignal
): Promise<Removal> {
  const { store, chunkRpc, leadership, config } = deps
  const { chunk: id, generation } = chunk
  const options = { signal, timeoutMs: config.controller.requestTimeoutMs }
  const stay = await Promise.all(keep.map((keeper) => isHeld(deps, chunk, keeper, signal)))
  if (stay.includes(false)) return 'kept'
  const { message } = await chunkRpc.call(peer, 'has', { ids: [id] }, options)
  const { boot, puts } = message
  const info = message.chunks[0] ?? null
  if (info === null || info.generation < generation) {
    await store.dropCopy({ peer, chunk: id, generation, boot })
    return 'forgotten'
  }
  const trim = async (): Promise<Removal> => {
    if (signal.aborted || !leadership.leads) return 'kept'
    if (!(await store.trimCopy({ chunk: id, generation, peer, keep: [...keep] }))) return 'kept'
    if (failpoints.armed) await failpoints.hit('repair.trim.afterRecord', deps.network.self)
    const request = { term: leadership.term, boot, puts, orders: [{ chunk: id, generation }] }
    const trimmed = await chunkRpc.call(peer, 'trim', request, options)
    return trimmed.message.gone[0] === true ? 'trimmed' : 'forgotten'
  }
  const { brakes, trims } = deps
  return (await brakes.whileReleased(() => trims.during({ peer, chunk: id, generation }, trim))) ?? 'kept'
}

/** Asks a keeper; a record that turns out to be wrong is dropped. */
async function isHeld(
  deps: StepDeps,
  { chunk, generation }: PlacedChunkRecord,
  keeper: NodeBoot,
  signal: AbortSignal
): Promise<boolean> {
  const options = { signal, timeoutMs: deps.config.controller.requestTimeoutMs }
  const { message } = await deps.chunkRpc.call(keeper.peer, 'has', { ids: [chunk] }, options)
  if (isHeldAs(message.chunks[0], { chunk, generation })) return message.boot === keeper.boot
  await deps.check.dropIfBad({ peer: keeper.peer, chunk, generation }, signal)
  return false
}
