/** Ending what is over, in bounded steps. Each row is changed under a condition on itself, so two controllers may settle at once. */

import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import { fileOf } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { LIVE } from './chunks.ts'
import { countEndedLink, endOf } from './links.ts'
import { dropPieces } from './pieces.ts'
import { changeSpace } from './space.ts'
import { SUSPENDED } from './suspension.ts'
import { ABANDONED } from './uploads.ts'

/** In this order; each takes what the ones before left of the limit. */
const STEPS = [
  endClaims,
  expireLinks(LIVE),
  expireLinks(SUSPENDED),
  deleteFiles,
  dropReferences,
  dropAbandoned
] as const

export async function settleLinks(db: Kysely<Schema>, now: number, limit: number): Promise<number> {
  let changed = 0
  for (const step of STEPS) {
    if (changed < limit) changed += await step(db, limit - changed, now)
  }
  return changed
}

/** Leases and graces that are over are counted on their link, which is consumed when that was its last. */
async function endClaims(db: Kysely<Schema>, limit: number, now: number): Promise<number> {
  const over = await db
    .selectFrom('claims')
    .select(['token', 'claim', 'version'])
    .where('ended', '=', sql.lit(0))
    .where('lease_until', '<=', now)
    .orderBy('lease_until')
    .orderBy('token')
    .orderBy('claim')
    .limit(limit)
    .execute()
  for (const { token, claim, version } of over) {
    const ended = await db
      .updateTable('claims')
      .set((eb) => ({
        state: 'consumed',
        ended: 1,
        version: version + 1,
        // spent from the end of the lease on, whenever that is noticed
        consumed_at: eb.fn.coalesce('consumed_at', 'lease_until')
      }))
      .where('token', '=', token)
      .where('claim', '=', claim)
      .where('version', '=', version)
      .executeTakeFirst()
    if (ended.numUpdatedRows === 1n) await countEndedClaim(db, token, now)
  }
  return over.length
}

async function countEndedClaim(db: Kysely<Schema>, token: Uint8Array, now: number): Promise<void> {
  const link = await db
    .updateTable('links')
    .set((eb) => ({ ended: eb('ended', '+', 1) }))
    .where('token', '=', token)
    .returning(['ended', 'downloads', 'file'])
    .executeTakeFirst()
  if (link === undefined || link.ended < link.downloads) return
  const consumed = await db
    .updateTable('links')
    .set(endOf('consumed', now))
    .where('token', '=', token)
    .where('state', '=', LIVE)
    .executeTakeFirst()
  if (consumed.numUpdatedRows === 1n) await countEndedLink(db, fileOf(link.file))
}

/** A suspended link past its expiry ends too: there is nothing left to resume. */
function expireLinks(state: RawBuilder<'live' | 'suspended'>) {
  return async (db: Kysely<Schema>, limit: number, now: number): Promise<number> => {
    const over = await db
      .selectFrom('links')
      .select(['token', 'file'])
      .where('state', '=', state)
      .where('expires_at', '<=', now)
      .whereRef('ended', '=', 'claimed')
      .orderBy('expires_at')
      .orderBy('token')
      .limit(limit)
      .execute()
    for (const { token, file } of over) {
      const expired = await db
        .updateTable('links')
        .set(endOf('expired', now))
        .where('token', '=', token)
        .where('state', '=', state)
        .where('expires_at', '<=', now) // it may have been extended meanwhile
        .whereRef('ended', '=', 'claimed')
        .executeTakeFirst()
      if (expired.numUpdatedRows === 1n) await countEndedLink(db, fileOf(file))
    }
    return over.length
  }
}

async function deleteFiles(db: Kysely<Schema>, limit: number): Promise<number> {
  const unlinked = await db
    .selectFrom('files')
    .select('id')
    .where('state', '=', LIVE)
    .where('links', '=', sql.lit(0))
    .orderBy('id')
    .limit(limit)
    .execute()
  for (const { id } of unlinked) {
    const deleted = await db
      .updateTable('files')
      .set({ state: 'deleted' })
      .where('id', '=', id)
      .where('state', '=', LIVE)
      .where('links', '=', 0)
      .returning(['space', 'size', 'counted'])
      .executeTakeFirst()
    if (deleted?.counted === 1) await changeSpace(db, deleted.space, -deleted.size)
  }
  return unlinked.length
}

/** In pages too: a large file has a million pieces. */
async function dropReferences(db: Kysely<Schema>, limit: number): Promise<number> {
  const deleted = await db
    .selectFrom('files')
    .select(['id', 'holder'])
    .where('state', '=', sql<'deleted'>`'deleted'`)
    .where('holder', 'is not', null)
    .orderBy('id')
    .limit(limit)
    .execute()
  let dropped = 0
  for (const { id, holder } of deleted) {
    if (holder === null || dropped >= limit) break
    const page = await dropPieces(db, holder, limit - dropped)
    dropped += page.count
    if (page.isLast) await db.updateTable('files').set({ holder: null }).where('id', '=', id).execute()
  }
  return dropped
}

/** What abandoning a large upload left. */
async function dropAbandoned(db: Kysely<Schema>, limit: number): Promise<number> {
  const abandoned = await db
    .selectFrom('uploads')
    .select(['id', 'holder'])
    .where('state', '=', ABANDONED)
    .where('holder', '>', sql.lit(0))
    .orderBy('id')
    .limit(limit)
    .execute()
  let dropped = 0
  for (const { id, holder } of abandoned) {
    if (dropped >= limit) break
    const page = await dropPieces(db, holder, limit - dropped)
    dropped += page.count
    if (page.isLast) await db.updateTable('uploads').set({ holder: 0 }).where('id', '=', id).execute()
  }
  return dropped
}
