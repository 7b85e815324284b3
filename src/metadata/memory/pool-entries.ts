import { PeerbinError } from '../../errors.ts'
import { ownerPool, poolPathOf } from '../../pools.ts'
import type { UserId } from '../../types.ts'
import type { State } from './state.ts'

/** As in operations/pool-entries.ts. @throws `path-taken` */
export function assertNotSettled(state: State, owner: UserId, path: string): void {
  const pool = state.pools.get(ownerPool(owner))
  const about = poolPathOf(path)
  if (pool === undefined || about === undefined) return
  const group = 'group' in about ? pool.groups.get(about.group)?.record : undefined
  const isSettled =
    'batch' in about
      ? pool.batches.get(about.batch)?.record.state === 'committed'
      : group?.state === 'done' && group.fence === about.fence
  if (isSettled) throw new PeerbinError('path-taken')
}
