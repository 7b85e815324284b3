/** The history: records by number, each once; pages walk along one index, or two of them together. */

import { sql } from 'kysely'
import type { Expression, Kysely, Selectable, SqlBool } from 'kysely'
import { HISTORY_LATE_MS_MAX } from '../../history.ts'
import type {
  HistoryFilter,
  HistoryPage,
  HistoryQuery,
  HistoryRecord,
  LinkedFile,
  StoredHistory
} from '../../history.ts'
import type { EntryId, FileId, HistoryId, SecretHash, SessionId, UserId } from '../../types.ts'
import { entryOf, fileOf, hashBytes, userOf, uuidBytes, uuidOf } from '../columns.ts'
import { joinLooks, walkOf } from '../history-pages.ts'
import type { HistoryLook, HistorySource } from '../history-pages.ts'
import type { HistoryTable, Schema } from '../schema.ts'
import { nextNumber, readNumber } from './counters.ts'

/** Rows in one statement, so that the statements are few that have to be compiled. */
const ROWS_AT_ONCE = 16

/** Adds one record, in the transaction of what it tells of. Of an id that is known nothing changes; says whether it is new. */
export const insertHistory = async (db: Kysely<Schema>, record: HistoryRecord): Promise<boolean> =>
  (await recordHistory(db, [record])) === 1

export async function recordHistory(db: Kysely<Schema>, records: readonly HistoryRecord[]): Promise<number> {
  if (records.length === 0) return 0
  const first = (await nextNumber(db, 'history', records.length)) - records.length + 1
  const rows = records.map((record, i) => rowOf(record, first + i))
  let added = 0n
  for (let at = 0; at < rows.length;) {
    const count = rows.length - at >= ROWS_AT_ONCE ? ROWS_AT_ONCE : 1
    const { numInsertedOrUpdatedRows = 0n } = await db
      .insertInto('history')
      .values(rows.slice(at, at + count))
      .onConflict((oc) => oc.column('id').doNothing())
      .executeTakeFirstOrThrow()
    added += numInsertedOrUpdatedRows
    at += count
  }
  return Number(added)
}

export async function findLinked(db: Kysely<Schema>, tokenHash: SecretHash): Promise<LinkedFile | undefined> {
  const row = await db
    .selectFrom('links')
    .innerJoin('files', 'files.id', 'links.file')
    .leftJoin('entries', 'entries.id', 'links.entry')
    .select([
      'files.id',
      'files.name',
      'links.version',
      'entries.id as entry',
      'entries.owner',
      'entries.path'
    ])
    .where('links.token', '=', hashBytes(tokenHash))
    .executeTakeFirst()
  if (row === undefined) return undefined
  const { id, name, entry, owner, path, version } = row
  const share =
    entry === null || owner === null || version === null
      ? null
      : { entry: entryOf(entry), owner: userOf(owner), version }
  return { file: fileOf(id), path: path ?? name, share }
}

export async function locateEntry(
  db: Kysely<Schema>,
  id: EntryId
): Promise<{ owner: UserId; path: string } | undefined> {
  const row = await db
    .selectFrom('entries')
    .select(['owner', 'path'])
    .where('id', '=', uuidBytes(id))
    .executeTakeFirst()
  return row && { owner: userOf(row.owner), path: row.path }
}

export async function listHistory(db: Kysely<Schema>, query: HistoryQuery): Promise<HistoryPage> {
  const { sources, rest, rowsMax } = walkOf(query)
  const bounds = await boundsOf(db, query)
  const looks: HistoryLook[] = []
  for (const source of sources) looks.push(await lookAt(db, { source, rest, rowsMax, query, bounds }))
  return joinLooks(looks, query)
}

export async function purgeHistory(db: Kysely<Schema>, before: number, limit: number): Promise<number> {
  const old = await db
    .selectFrom('history')
    .select('seq')
    .where('at', '<', before)
    .orderBy('at')
    .orderBy('seq')
    .limit(limit)
    .execute()
  for (const { seq } of old) await db.deleteFrom('history').where('seq', '=', seq).execute()
  return old.length
}

export async function trimHistory(db: Kysely<Schema>, keep: number, limit: number): Promise<number> {
  const end = (await readNumber(db, 'history')) - keep
  const old = await db
    .selectFrom('history')
    .select('seq')
    .where('seq', '<=', end)
    .orderBy('seq')
    .limit(limit)
    .execute()
  const last = old.at(-1)
  if (last !== undefined) await db.deleteFrom('history').where('seq', '<=', last.seq).execute()
  return old.length
}

/** Exclusive, of `seq`. */
interface Bounds {
  above: number
  below: number
}

/** Where the walk begins and ends: what was recorded so long before `from` or after `to` cannot be of the time between (HISTORY_LATE_MS_MAX). */
async function boundsOf(db: Kysely<Schema>, { from, to, order, seq }: HistoryQuery): Promise<Bounds> {
  const early =
    from === undefined
      ? undefined
      : await db
          .selectFrom('history')
          .select('seq')
          .where('at', '<', from - HISTORY_LATE_MS_MAX)
          .orderBy('at', 'desc')
          .orderBy('seq', 'desc')
          .limit(1)
          .executeTakeFirst()
  const late =
    to === undefined
      ? undefined
      : await db
          .selectFrom('history')
          .select('seq')
          .where('at', '>', to + HISTORY_LATE_MS_MAX)
          .orderBy('at')
          .orderBy('seq')
          .limit(1)
          .executeTakeFirst()
  return {
    above: Math.max(early?.seq ?? 0, (order === 'oldest' ? seq : undefined) ?? 0),
    below: Math.min(late?.seq ?? Infinity, (order === 'newest' ? seq : undefined) ?? Number.MAX_SAFE_INTEGER)
  }
}

interface Look {
  source: HistorySource
  rest: HistoryFilter
  rowsMax: number
  query: HistoryQuery
  bounds: Bounds
}

async function lookAt(db: Kysely<Schema>, look: Look): Promise<HistoryLook> {
  const { rest, rowsMax, query } = look
  const direction = query.order === 'newest' ? 'desc' : 'asc'
  const walked = walk(db, look).orderBy('seq', direction)
  const last = await walked
    .select('seq')
    .offset(rowsMax - 1)
    .limit(1)
    .executeTakeFirst()
  const end = last?.seq ?? null
  const rows = await walked
    .selectAll()
    .$if(end !== null, (each) => each.where('seq', query.order === 'newest' ? '>=' : '<=', end ?? 0))
    .where((eb) => eb.and(conditionsOf(rest)))
    .limit(query.limit + 1)
    .execute()
  return { records: rows.map(recordOf), end }
}

function walk(db: Kysely<Schema>, { source, bounds }: Look) {
  const rows = db.selectFrom('history').where('seq', '>', bounds.above).where('seq', '<', bounds.below)
  if (source === null) return rows
  const { column, value } = source
  return rows.where(
    sql.ref(`history.${column}`),
    '=',
    column === 'action' ? value : uuidBytes(value as EntryId)
  )
}

/** In words that no index is chosen for: only so much of the walk is looked at. */
function conditionsOf({ of, action, from, to }: HistoryFilter): Array<Expression<SqlBool>> {
  const none = new Uint8Array()
  const is = (column: 'actor' | 'owner', id: UserId) =>
    sql<SqlBool>`coalesce(${sql.ref(column)}, ${none}) = ${uuidBytes(id)}`
  return [
    ...(of === undefined ? [] : [sql<SqlBool>`(${is('actor', of)} or ${is('owner', of)})`]),
    ...(action === undefined ? [] : [sql<SqlBool>`coalesce(action, '') = ${action}`]),
    ...(from === undefined ? [] : [sql<SqlBool>`coalesce(at, 0) >= ${from}`]),
    ...(to === undefined ? [] : [sql<SqlBool>`coalesce(at, 0) < ${to}`])
  ]
}

const bytesOrNull = (id: Parameters<typeof uuidBytes>[0] | null): Uint8Array | null =>
  id === null ? null : uuidBytes(id)

const rowOf = (record: HistoryRecord, seq: number): HistoryTable => ({
  seq,
  id: uuidBytes(record.id),
  at: record.at,
  action: record.action,
  actor: bytesOrNull(record.actor),
  actor_name: record.actorName,
  owner: bytesOrNull(record.owner),
  entry: bytesOrNull(record.entry),
  version: record.version,
  file: bytesOrNull(record.file),
  path: record.path,
  bytes: record.bytes,
  duration_ms: record.durationMs,
  attempts: record.attempts,
  outcome: record.outcome,
  address: record.address,
  session: bytesOrNull(record.session),
  detail: record.detail
})

const idOrNull = <Id extends string>(bytes: Uint8Array | null): Id | null =>
  bytes === null ? null : (uuidOf(bytes) as Id)

const recordOf = (row: Selectable<HistoryTable>): StoredHistory => ({
  seq: row.seq,
  id: uuidOf(row.id) as HistoryId,
  at: row.at,
  action: row.action,
  actor: idOrNull<UserId>(row.actor),
  actorName: row.actor_name,
  owner: idOrNull<UserId>(row.owner),
  entry: idOrNull<EntryId>(row.entry),
  version: row.version,
  file: idOrNull<FileId>(row.file),
  path: row.path,
  bytes: row.bytes,
  durationMs: row.duration_ms,
  attempts: row.attempts,
  outcome: row.outcome,
  address: row.address,
  session: idOrNull<SessionId>(row.session),
  detail: row.detail
})
