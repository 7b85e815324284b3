/** Entries of pools: what keeps content that was committed, or is a result, as it is. */

import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import { poolPathOf } from '../../pools.ts'
import { uuidBytes } from '../columns.ts'
import type { Schema } from '../schema.ts'

/**
 * Before an entry gets another version. What a commit, or the end of a group, has looked at never changes, however late an upload to it ends: two that bring the same file may both be under way.
 * @throws `path-taken`
 */
export async function assertNotSettled(db: Kysely<Schema>, owner: Uint8Array, path: string): Promise<void> {
  const about = poolPathOf(path)
  if (about === undefined) return
  const settled =
    'batch' in about
      ? await db
          .selectFrom('pool_batches')
          .select('id')
          .where('pool', '=', owner)
          .where('id', '=', uuidBytes(about.batch))
          .where('state', '=', 'committed')
          .executeTakeFirst()
      : await db
          .selectFrom('pool_groups')
          .select('id')
          .where('id', '=', uuidBytes(about.group))
          .where('pool', '=', owner)
          .where('state', '=', 'done')
          .where('fence', '=', about.fence)
          .executeTakeFirst()
  if (settled !== undefined) throw new PeerbinError('path-taken')
}
