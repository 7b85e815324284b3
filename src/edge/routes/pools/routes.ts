/** Every route of pools. */

import type { Route } from '../../context.ts'
import { archiveRoutes } from './archives.ts'
import { batchRoutes } from './batches.ts'
import { groupFileRoutes } from './group-files.ts'
import { groupRoutes } from './groups.ts'
import { joinRoutes } from './join.ts'
import { memberRoutes } from './members.ts'
import { poolRoutesItself } from './pools.ts'
import { putBatchFile } from './put-batch-file.ts'
import { workRoutes } from './work.ts'

export const poolRoutes: readonly Route[] = [
  ...poolRoutesItself,
  ...memberRoutes,
  ...joinRoutes,
  ...batchRoutes,
  putBatchFile,
  ...groupRoutes,
  ...groupFileRoutes,
  ...archiveRoutes,
  ...workRoutes
]
