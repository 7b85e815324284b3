import { PeerbinError } from '../../src/errors.ts'
import type { ChunkMessages } from '../../src/protocol/messages.ts'
import type { RpcHandlers } from '../../src/protocol/rpc.ts'

const refuse = async (): Promise<never> => {
  throw new PeerbinError('bad-request', 'an impostor does not do this')
}
/** Handlers of a node that does nothing it is asked for. */
export const REFUSALS: RpcHandlers<ChunkMessages> = {
  put: refuse,
  get: refuse,
  has: refuse,
  delete: refuse,
  list: refuse,
  copy: refuse,
  trim: refuse,
  raise: refuse,
  inventory: refuse,
  setDraining: refuse,
  scrub: refuse,
  putSnapshot: refuse,
  getSnapshot: refuse,
  listSnapshots: refuse,
  dropSnapshots: refuse,
  recoveryInfo: refuse
}
