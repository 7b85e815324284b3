/** Blocks, as one part of the controller: chunks that users store before the files they are for. This file only puts the parts together. */

import type { BlockMessages } from '../../protocol/messages.ts'
import type { ControllerPart } from '../part.ts'
import { BlockService } from './block-service.ts'
import type { BlockServiceDeps } from './block-service.ts'
import { createBlockSettler } from './settler.ts'

export type BlockOp = keyof BlockMessages
export type Blocks = ControllerPart<BlockOp>

export interface BlocksDeps extends BlockServiceDeps {
  /** Told when references were dropped, so that the collector need not wait for its round. */
  readonly onGarbage: () => void
}

export function createBlocks(deps: BlocksDeps): Blocks {
  const service = new BlockService(deps)
  return {
    workers: [createBlockSettler(deps)],
    handlers: {
      reserveBlock: (message) => service.reserve(message),
      stageBlock: (message, signal) => service.stage(message, signal),
      queryBlocks: (message) => service.query(message),
      beginBlockUpload: (message) => service.begin(message),
      takeBlocks: (message) => service.take(message)
    }
  }
}
