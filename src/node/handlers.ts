import { PeerbinError } from '../errors.ts'
import type { ChunkMessages, RequestOf, ResponseOf } from '../protocol/messages.ts'
import type { RpcAnswer, RpcHandlers, RpcRequest } from '../protocol/rpc.ts'
import type { ClientLoad } from './client-load.ts'
import type { Draining } from './draining.ts'
import type { Intake } from './intake.ts'
import type { InventoryTaker } from './inventory-taker.ts'
import type { Orders } from './orders.ts'
import { recoveryInfo } from './recovery-info.ts'
import type { RecoveryInfoDeps } from './recovery-info.ts'
import type { Scrubbing } from './scrubbing.ts'
import type { Serving } from './serving.ts'
import type { SnapshotKeeper } from './snapshots/snapshot-keeper.ts'

type Handler<Message, Answer> = (request: RpcRequest<Message>) => Promise<RpcAnswer<Answer>>
type HandlerOf<K extends keyof ChunkMessages> = Handler<
  RequestOf<ChunkMessages, K>,
  ResponseOf<ChunkMessages, K>
>

export type NodeLife = 'new' | 'running' | 'stopping'

/** What answers the messages of a node. */
export interface NodeParts extends RecoveryInfoDeps {
  readonly intake: Intake
  readonly serving: Serving
  readonly orders: Orders
  readonly clients: ClientLoad
  readonly draining: Draining
  readonly inventories: InventoryTaker
  readonly scrubbing: Scrubbing
  readonly keeper: SnapshotKeeper
  readonly life: () => NodeLife
}

/** Which part answers which message. */
export function createHandlers(parts: NodeParts): RpcHandlers<ChunkMessages> {
  const { intake, serving, orders, clients, draining, keeper, inventories, scrubbing } = parts
  const inventory: HandlerOf<'inventory'> = async (request) => {
    const { boot, prefixes } = await inventories.take(request.signal)
    return { message: { boot, prefixes } }
  }
  const scrub: HandlerOf<'scrub'> = async ({ message }) => {
    if (message.start) scrubbing.begin()
    return { message: { report: scrubbing.report() } }
  }
  return {
    put: whileRunning(
      parts,
      clients.counted((request) => intake.put(request))
    ),
    get: whileRunning(
      parts,
      clients.counted((request) => serving.get(request))
    ),
    has: whileRunning(parts, (request) => serving.has(request)),
    list: whileRunning(parts, (request) => serving.list(request)),
    delete: whileRunning(parts, (request) => orders.delete(request)),
    trim: whileRunning(parts, (request) => orders.trim(request)),
    raise: whileRunning(parts, (request) => orders.raise(request)),
    copy: whileRunning(parts, (request) => orders.copy(request)),
    inventory: whileRunning(parts, inventory),
    setDraining: whileRunning(parts, (request) => draining.set(request)),
    scrub: whileRunning(parts, scrub),
    putSnapshot: whileRunning(parts, (request) => keeper.put(request)),
    getSnapshot: whileRunning(parts, (request) => keeper.get(request)),
    listSnapshots: whileRunning(parts, (request) => keeper.list(request)),
    dropSnapshots: whileRunning(parts, (request) => keeper.drop(request)),
    recoveryInfo: whileRunning(parts, (request) => recoveryInfo(parts, request))
  }
}

/** Nothing is asked of a store that is not open. */
function whileRunning<Message, Answer>(
  { life }: Pick<NodeParts, 'life'>,
  handler: Handler<Message, Answer>
): Handler<Message, Answer> {
  return async (request) => {
    const now = life()
    if (now === 'running') return await handler(request)
    if (now === 'stopping') throw new PeerbinError('shutting-down')
    throw new PeerbinError('busy', 'The node is starting.', { retryAfterMs: 500 })
  }
}
