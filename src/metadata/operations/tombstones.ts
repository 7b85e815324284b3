import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'

/** Links with their claims, then uploads, those that ended first first. A link stays while its file's references are being dropped. */
export async function purgeTombstones(db: Kysely<Schema>, before: number, limit: number): Promise<number> {
  let removed = 0
  const links = await db
    .selectFrom('links')
    .innerJoin('files', 'files.id', 'links.file')
    .select(['links.token', 'links.file', 'links.entry'])
    .where('links.ended_at', 'is not', null)
    .where('links.ended_at', '<', before)
    .where((eb) =>
      eb.or([
        eb('files.link_rows', '>', 1), // other links or versions tell of the file
        eb.and([eb('files.state', '=', 'deleted'), eb('files.holder', 'is', null)])
      ])
    )
    .orderBy('links.ended_at')
    .orderBy('links.token')
    .limit(limit)
    .execute()
  for (const { token, file, entry } of links) {
    removed += await removeClaims(db, token, limit - removed)
    if (removed >= limit) return removed
    await removeLink(db, token, file, entry)
    removed++
  }
  return removed + (await removeUploads(db, before, limit - removed))
}

async function removeClaims(db: Kysely<Schema>, token: Uint8Array, limit: number): Promise<number> {
  const page = await db
    .selectFrom('claims')
    .select('claim')
    .where('token', '=', token)
    .orderBy('claim')
    .limit(limit)
    .execute()
  const last = page.at(-1)
  if (last === undefined) return 0
  await db.deleteFrom('claims').where('token', '=', token).where('claim', '<=', last.claim).execute()
  return page.length
}

/** The file's row goes with its last link. */
async function removeLink(
  db: Kysely<Schema>,
  token: Uint8Array,
  file: Uint8Array,
  entry: Uint8Array | null
): Promise<void> {
  const removed = await db.deleteFrom('links').where('token', '=', token).executeTakeFirst()
  if (removed.numDeletedRows !== 1n) return
  await db
    .updateTable('files')
    .set((eb) => ({ link_rows: eb('link_rows', '-', 1) }))
    .where('id', '=', file)
    .execute()
  await db
    .deleteFrom('files')
    .where('id', '=', file)
    .where('link_rows', '=', 0)
    .where('state', '=', 'deleted')
    .where('holder', 'is', null)
    .execute()
  if (entry !== null)
    await db
      .updateTable('entries')
      .set((eb) => ({ shares: eb('shares', '-', 1) }))
      .where('id', '=', entry)
      .execute()
}

async function removeUploads(db: Kysely<Schema>, before: number, limit: number): Promise<number> {
  const ended = await db
    .selectFrom('uploads')
    .select('id')
    .where('ended_at', 'is not', null)
    .where('ended_at', '<', before)
    // an abandoned one still leads to pieces that are being dropped
    .where((eb) => eb.or([eb('state', '=', 'committed'), eb('holder', '=', 0)]))
    .orderBy('ended_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  for (const { id } of ended) await db.deleteFrom('uploads').where('id', '=', id).execute()
  return ended.length
}
