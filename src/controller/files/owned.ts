/** Whose a file is, judged here: edges say who asks. */

import { PeerbinError } from '../../errors.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import { ownerPool } from '../../pools.ts'
import type { EntryId, EntryRecord, UserId, VersionRecord } from '../../types.ts'
import { isSelf, mustReach } from '../accounts/actors.ts'
import type { Actor } from '../accounts/actors.ts'
import type { StoreTime } from '../store-time.ts'

export interface OwnedDeps {
  readonly store: MetadataStore
  readonly time: StoreTime
}

/** One that has expired is gone, whether or not that was noticed. */
export const isOver = ({ time }: Pick<OwnedDeps, 'time'>, { expiresAt }: EntryRecord): boolean =>
  expiresAt !== null && expiresAt <= time.now()

/** @throws `file-unknown`; `permission-denied` for somebody else's */
export async function owned(deps: OwnedDeps, actor: Actor, id: EntryId): Promise<EntryRecord> {
  const entry = await deps.store.getEntry(id)
  if (entry === undefined) throw new PeerbinError('file-unknown')
  mustReach(actor, entry.owner)
  if (isOver(deps, entry)) throw new PeerbinError('file-unknown')
  return entry
}

/**
 * The same for whoever changes it, ends it or gives it to others. What a pool has taken in stays as it was acknowledged: there nobody changes a file by itself, and administrators delete the pool.
 * @throws `permission-denied`, `file-unknown`
 */
export async function ownedToChange(deps: OwnedDeps, actor: Actor, id: EntryId): Promise<EntryRecord> {
  const entry = await owned(deps, actor, id)
  await mustChange(deps, actor, entry.owner)
  return entry
}

/** @throws `permission-denied` where it is neither whose files they are, nor an administrator over those of a user */
export async function mustChange(
  { store }: Pick<OwnedDeps, 'store'>,
  actor: Actor,
  owner: UserId
): Promise<void> {
  mustReach(actor, owner)
  if (isSelf(actor, owner) || (await store.getPool(ownerPool(owner))) === undefined) return
  throw new PeerbinError('permission-denied', 'This is a file of a pool.')
}

/** @param number undefined: the one that counts @throws `version-unknown` */
export async function versionOf(
  { store }: OwnedDeps,
  entry: EntryRecord,
  number: number | undefined
): Promise<VersionRecord> {
  if (number === undefined || number === entry.current.number) return entry.current
  const version = await store.getVersion(entry.id, number)
  if (version === undefined) throw new PeerbinError('version-unknown')
  return version
}
