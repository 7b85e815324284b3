import { PeerbinError } from '../../errors.ts'
import type { PoolId } from '../../pools.ts'
import { isUuid } from '../history/query.ts'

/** @throws `pool-unknown` for what is no id at all */
export function poolIdOf(text: string): PoolId {
  const id = text.toLowerCase()
  if (!isUuid(id)) throw new PeerbinError('pool-unknown')
  return id as PoolId
}
