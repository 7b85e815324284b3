import type { Route } from '../../context.ts'
import { commitBlocks } from './commit-blocks.ts'
import { queryBlocks } from './query-blocks.ts'
import { uploadBlock } from './upload-block.ts'

/** Every route of blocks. */
export const blockRoutes: readonly Route[] = [queryBlocks, uploadBlock, commitBlocks]
