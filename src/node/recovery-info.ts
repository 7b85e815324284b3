import type { Membership } from '../cluster/membership.ts'
import type { ChunkStore } from '../interfaces.ts'
import type { ChunkMessages, RequestOf, ResponseOf } from '../protocol/messages.ts'
import type { RpcAnswer, RpcRequest } from '../protocol/rpc.ts'
import type { FinishedPuts } from './finished-puts.ts'
import type { InventoryTaker } from './inventory-taker.ts'
import type { TermFence } from './term-fence.ts'

export interface RecoveryInfoDeps {
  host: string
  boot: () => number
  store: ChunkStore
  membership: Membership
  fence: TermFence
  puts: FinishedPuts
  inventories: InventoryTaker
}

/** What a controller that takes over from a lost one asks first. */
export async function recoveryInfo(
  deps: RecoveryInfoDeps,
  request: RpcRequest<RequestOf<ChunkMessages, 'recoveryInfo'>>
): Promise<RpcAnswer<ResponseOf<ChunkMessages, 'recoveryInfo'>>> {
  const { boot, fence, host, inventories, membership, puts, store } = deps
  const found = await inventories.greatestGeneration(request.signal)
  const { chunks } = await store.usage()
  const put = puts.greatestGeneration
  const heardMsAgo = membership.leaderHeardMsAgo(request.from)
  return {
    message: {
      boot: boot(),
      host,
      term: fence.greatest,
      controllerHeardMsAgo: heardMsAgo === undefined ? null : Math.floor(heardMsAgo),
      generation: put > found ? put : found,
      chunks
    }
  }
}
