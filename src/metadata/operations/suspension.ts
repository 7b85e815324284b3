/** Links that serve nobody until an operator has looked at them. A suspended link still counts on its file. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { SuspendedLink } from '../../metadata-store.ts'
import type { SecretHash } from '../../types.ts'
import { fileOf, hashBytes, hashOf } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { LIVE } from './chunks.ts'
import { readNumber } from './counters.ts'
import { countEndedLink, endOf, readLink } from './links.ts'

export const SUSPENDED = sql<'suspended'>`'suspended'`

export async function suspendLinks(
  db: Kysely<Schema>,
  tokenHashes: readonly SecretHash[] | undefined,
  limit: number
): Promise<number> {
  const tokens = tokenHashes === undefined ? await liveLinks(db, limit) : tokenHashes.map(hashBytes)
  let suspended = 0
  for (const token of tokens) {
    const changed = await db
      .updateTable('links')
      .set({ state: 'suspended' })
      .where('token', '=', token)
      .where('state', '=', 'live')
      .executeTakeFirst()
    suspended += Number(changed.numUpdatedRows)
  }
  return suspended
}

async function liveLinks(db: Kysely<Schema>, limit: number): Promise<Uint8Array[]> {
  const rows = await db
    .selectFrom('links')
    .select('token')
    .where('state', '=', LIVE)
    .orderBy('expires_at')
    .orderBy('token')
    .limit(limit)
    .execute()
  return rows.map(({ token }) => token)
}

export async function resumeLinks(db: Kysely<Schema>, tokenHashes: readonly SecretHash[]): Promise<number> {
  const now = await readNumber(db, 'time')
  let resumed = 0
  for (const tokenHash of tokenHashes) if (await resume(db, tokenHash, now)) resumed++
  return resumed
}

/** Each of the three on the row as it is then: what ended while it was suspended stays ended. */
async function resume(db: Kysely<Schema>, tokenHash: SecretHash, now: number): Promise<boolean> {
  const link = await readLink(db, tokenHash)
  if (link?.state !== 'suspended') return false
  const suspended = () =>
    db.updateTable('links').where('token', '=', link.token).where('state', '=', 'suspended')
  const consumed = await suspended()
    .set(endOf('consumed', now))
    .whereRef('ended', '>=', 'downloads')
    .executeTakeFirst()
  const expired = await suspended()
    .set(endOf('expired', now))
    .whereRef('ended', '=', 'claimed')
    .where('expires_at', '<=', now)
    .executeTakeFirst()
  const hasEnded = consumed.numUpdatedRows + expired.numUpdatedRows > 0n
  if (hasEnded) await countEndedLink(db, fileOf(link.file))
  const live = await suspended().set({ state: 'live' }).whereRef('ended', '<', 'downloads').executeTakeFirst()
  return hasEnded || live.numUpdatedRows === 1n
}

export async function listSuspended(
  db: Kysely<Schema>,
  after: SecretHash | undefined,
  limit: number
): Promise<SuspendedLink[]> {
  const rows = await db
    .selectFrom('links')
    .innerJoin('files', 'files.id', 'links.file')
    .select([
      'links.token',
      'links.file',
      'links.expires_at',
      'files.name',
      'files.size',
      'files.uploaded_at'
    ])
    .where('links.state', '=', SUSPENDED)
    .where('links.token', '>', after === undefined ? new Uint8Array(0) : hashBytes(after))
    .orderBy('links.token')
    .limit(limit)
    .execute()
  return rows.map((row) => ({
    tokenHash: hashOf(row.token),
    fileId: fileOf(row.file),
    name: row.name,
    sizeBytes: row.size,
    uploadedAt: row.uploaded_at,
    expiresAt: row.expires_at
  }))
}
