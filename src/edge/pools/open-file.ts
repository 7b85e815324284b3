/** Opens what is in a pool for reading: whether somebody may is asked for each time, and then the pool itself reads. */

import { PeerbinError } from '../../errors.ts'
import type { GroupRecord, PoolId } from '../../pools.ts'
import { ENTRIES_PER_PAGE_MAX } from '../../protocol/limits.ts'
import type { EntryId } from '../../types.ts'
import { asking } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import type { Content } from '../user-files/send-content.ts'
import type { GroupAsked } from './group-listing.ts'
import { asPool } from './store-bytes.ts'

export interface OpenedFile {
  readonly content: Content
  readonly group: GroupRecord
}

/** @param entry undefined: the result @throws `file-unknown`, `group-emptied`, `result-unknown`, `result-expired`, `group-unknown`, `permission-denied` */
export async function openGroupFile(
  { controller }: Pick<EdgeContext, 'controller'>,
  { actor, pool, group: id, signal }: GroupAsked,
  entry?: EntryId
): Promise<OpenedFile> {
  const asked = { actor: asking(actor), pool, group: id, ...(entry !== undefined && { entry }) }
  const { entry: opened, group } = await controller.call('openPoolFile', asked, { signal })
  const content = await controller.call('openContent', { actor: asPool(pool), id: opened }, { signal })
  const { result } = group
  if (entry !== undefined || result === null || content.file.sha256 === result.sha256)
    return { content, group }
  return { content: await announcedVersion({ controller }, pool, result), group }
}

/** A server that sent its result twice at once has made another version after the one that was announced. */
async function announcedVersion(
  { controller }: Pick<EdgeContext, 'controller'>,
  pool: PoolId,
  { entry: id, sha256 }: NonNullable<GroupRecord['result']>
): Promise<Content> {
  const actor = asPool(pool)
  const { versions } = await controller.call('listVersions', { actor, id, limit: ENTRIES_PER_PAGE_MAX })
  const found = versions.find((version) => version.sha256 === sha256)
  if (found === undefined) throw new PeerbinError('file-unknown')
  return await controller.call('openContent', { actor, id, version: found.number })
}
