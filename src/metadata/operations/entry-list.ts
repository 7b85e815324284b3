/** Pages of users' files. Each order is that of an index; what no index answers looks at a bounded number of rows. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { foldPath } from '../../bundle/paths.ts'
import { cursorOf } from '../../metadata-entries.ts'
import type { EntryCursor, EntryPage, ListEntries } from '../../metadata-store.ts'
import { entryOf, userOf, uuidBytes } from '../columns.ts'
import { insideOf, placeOf } from '../entry-rules.ts'
import { ENTRY_SCAN_ROWS } from '../limits.ts'
import type { Schema } from '../schema.ts'
import { LIVE } from './chunks.ts'
import { entryQuery, entryRecordOf } from './entries.ts'

/** Columns behind those that are the same for all that are asked for; and what the cursor has for them. */
function orderOf({ owner, recursive, sort, after }: ListEntries): Array<{ column: string; from: unknown }> {
  const place = placeOf(after?.path ?? '')
  if (sort === 'name') {
    const ofOwner = { column: 'owner', from: after && uuidBytes(after.owner) }
    const inFolder = { column: 'folder', from: place.folder }
    const name = { column: 'name', from: place.name }
    if (owner === undefined) return [ofOwner, inFolder, name]
    return recursive ? [inFolder, name] : [name]
  }
  return [
    { column: sort === 'date' ? 'changed_at' : 'size', from: after?.value },
    { column: 'id', from: after && uuidBytes(after.id) }
  ]
}

/** Whether an index leads to exactly what is asked for. */
function isExact({ owner, folder, recursive, search, sort }: ListEntries): boolean {
  if (search !== undefined) return false
  if (recursive && folder === undefined) return true
  return owner !== undefined && (!recursive || sort === 'name')
}

/** In order, behind the cursor, by what an index tells. */
function scan(db: Kysely<Schema>, request: ListEntries, limit: number) {
  const { owner, folder, recursive, sort, order, after } = request
  const columns = orderOf(request)
  const inside = insideOf(folder)
  const refs = sql.join(columns.map(({ column }) => sql.ref(`entries.${column}`)))
  const from = sql.join(columns.map((each) => sql`${each.from}`))
  const direction = order === 'ascending' ? 'asc' : 'desc'
  const behind = sql<boolean>`(${refs}) ${sql.raw(order === 'ascending' ? '>' : '<')} (${from})`
  const isOwned = owner !== undefined
  return entryQuery(db)
    .$if(isOwned, (query) => query.where('entries.owner', '=', uuidBytes(owner ?? ('' as never))))
    .$if(isOwned && !recursive, (query) => query.where('entries.folder', '=', inside))
    .$if(isOwned && recursive && folder !== undefined && sort === 'name', (query) =>
      query.where('entries.folder', '>=', inside).where('entries.folder', '<', behindAll(inside))
    )
    .$if(after !== undefined, (query) => query.where(behind))
    .orderBy(
      sql.join(columns.map(({ column }) => sql`${sql.ref(`entries.${column}`)} ${sql.raw(direction)}`))
    )
    .limit(limit)
}

/** Everything that begins with `inside`, which ends with a `/`, is before this. */
export const behindAll = (inside: string): string => `${inside.slice(0, -1)}0`

export async function listEntries(db: Kysely<Schema>, request: ListEntries): Promise<EntryPage> {
  const { limit } = request
  if (!isExact(request)) return await search(db, request)
  const rows = await scan(db, request, limit + 1).execute()
  const entries = rows.slice(0, limit).map(entryRecordOf)
  const last = entries.at(-1)
  return {
    entries,
    next: rows.length > limit && last !== undefined ? cursorOf(last, request.sort) : null
  }
}

/** Looks through a bounded number of rows; the next page goes on behind the last that was looked at. */
async function search(db: Kysely<Schema>, request: ListEntries): Promise<EntryPage> {
  const { limit, recursive, folder, sort } = request
  const rows = await scan(db, request, ENTRY_SCAN_ROWS)
    .clearSelect()
    .select(['entries.id', 'entries.owner', 'entries.path', 'entries.folder', 'entries.name'])
    .select(['entries.changed_at', 'entries.size'])
    .execute()
  const inside = insideOf(folder)
  const part = request.search === undefined ? '' : foldPath(request.search)
  const found: Uint8Array[] = []
  let next: EntryCursor | null = null
  for (const [i, row] of rows.entries()) {
    const isInside = recursive ? row.folder.startsWith(inside) : row.folder === inside
    if (isInside && row.name.includes(part)) found.push(row.id)
    const isLast = i === rows.length - 1
    if (found.length < limit && !(isLast && rows.length === ENTRY_SCAN_ROWS)) continue
    if (isLast && rows.length < ENTRY_SCAN_ROWS) break
    const value = sort === 'date' ? row.changed_at : sort === 'size' ? row.size : 0
    next = { id: entryOf(row.id), owner: userOf(row.owner), path: row.path, value }
    break
  }
  return { entries: await inOrder(db, found), next }
}

async function inOrder(db: Kysely<Schema>, ids: readonly Uint8Array[]): Promise<EntryPage['entries']> {
  if (ids.length === 0) return []
  const rows = await entryQuery(db).where('entries.id', 'in', ids).where('entries.state', '=', LIVE).execute()
  const byId = new Map(rows.map(entryRecordOf).map((entry) => [entry.id, entry]))
  return ids.flatMap((id) => byId.get(entryOf(id)) ?? [])
}
