/** How large a file of a user can be. */

import { PeerbinError } from '../../errors.ts'
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts'
import { MANIFEST_CHUNKS_MAX } from '../../protocol/manifest.ts'
import { asking } from '../accounts/actor.ts'
import type { Actor } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'

/** Most bytes of one file of this user, by their role. */
export function uploadBytesMax(
  { config }: Pick<EdgeContext, 'config'>,
  { role }: Pick<Actor, 'role'>
): number {
  const { uploadBytesMax: ofUser, adminUploadBytesMax: ofAdmin } = config.account
  const most = MANIFEST_CHUNKS_MAX * CHUNK_BYTES_MAX
  if (role === 'user') return Math.min(ofUser, most)
  return ofAdmin === 0 ? most : Math.min(ofAdmin, most)
}

/**
 * What is left of the user's quota, for an upload of which nobody knows how long it is: it reserves that, where it would otherwise reserve the most that any file can have.
 * @throws `quota-exceeded` when there is nothing left
 */
export async function spaceLeft(
  { controller }: Pick<EdgeContext, 'controller'>,
  actor: Actor
): Promise<number> {
  const { user } = actor
  const { usedBytes, quotaBytes } = await controller.call('spaceOf', { actor: asking(actor), user })
  if (quotaBytes === null) return Infinity
  if (usedBytes >= quotaBytes) throw new PeerbinError('quota-exceeded')
  return quotaBytes - usedBytes
}
