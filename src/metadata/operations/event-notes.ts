/** What happened, noted as events by the operation that did it: they stand or fall with its transaction. */

import { sql } from 'kysely'
import type { Kysely, Selectable } from 'kysely'
import type { EventData, EventType } from '../../events.ts'
import type { UserId, UserRecord } from '../../types.ts'
import { decodeFailure, entryOf, hexOf, sessionOf, userOf } from '../columns.ts'
import { accountEvent, fileEvent, sessionEvent, shareData } from '../event-facts.ts'
import type { FileFacts, SessionEnd } from '../event-facts.ts'
import type { LinkRecord } from '../../types.ts'
import type { LinksTable, Schema, SessionsTable } from '../schema.ts'
import { eventActor, writeEvent, writeEvents } from './events.ts'

type Id = Uint8Array

/** Which version; default: the one that counts. `file`: content of a version whose record may be gone. */
interface Which {
  version?: number | undefined
  file?: Id | undefined
}

/** Of an entry that lives, or was deleted in this transaction. Nothing of a pool's: nobody is told of its files one by one. */
export const fileFacts = async (
  db: Kysely<Schema>,
  entry: Id,
  which: Which = {}
): Promise<FileFacts | undefined> => (await manyFacts(db, [entry], which))[0]

/** In no order. */
async function manyFacts(
  db: Kysely<Schema>,
  entries: readonly Id[],
  { version, file }: Which = {}
): Promise<FileFacts[]> {
  const rows = await db
    .selectFrom('entries')
    .leftJoin('versions', (join) =>
      join
        .onRef('versions.entry', '=', 'entries.id')
        .on(
          'versions.number',
          '=',
          version === undefined ? sql.ref<number>('entries.shown') : sql.val<number>(version)
        )
    )
    .leftJoin('files', (join) =>
      join.on('files.id', '=', (eb) => eb.fn.coalesce('versions.file', sql.val<Id | null>(file ?? null)))
    )
    .leftJoin('pools', 'pools.id', 'entries.owner')
    .select([
      'entries.id',
      'entries.owner',
      'entries.path',
      'entries.changed_at',
      'entries.shown',
      'versions.failure',
      'files.size',
      'files.sha256',
      'files.media_type'
    ])
    .where('entries.id', 'in', entries)
    .where('pools.id', 'is', null)
    .execute()
  return rows.map((row) => {
    const failure = row.failure === null ? null : decodeFailure(row.failure)
    return {
      entry: entryOf(row.id),
      owner: userOf(row.owner),
      path: row.path,
      changedAt: row.changed_at,
      version: version ?? row.shown,
      sizeBytes: row.size ?? 0,
      sha256: row.sha256 === null ? null : hexOf(row.sha256),
      mediaType: row.media_type ?? failure?.mediaType ?? 'application/octet-stream'
    }
  })
}

export interface NotedFile extends Which {
  type: EventType
  at: number
  by?: UserId | undefined
  more?: EventData | undefined
}

export async function noteFile(
  db: Kysely<Schema>,
  entry: Id,
  { type, at, by, more, ...which }: NotedFile
): Promise<void> {
  const facts = await fileFacts(db, entry, which)
  if (facts === undefined) return
  await writeEvent(db, fileEvent(facts, { type, at, actor: await eventActor(db, by), more }))
}

/** Of files that moved together, all of one user, in their order: few statements for many. */
export async function noteMoves(
  db: Kysely<Schema>,
  moves: ReadonlyArray<{ id: Id; before: string; path: string }>,
  { at, by }: Pick<NotedFile, 'at' | 'by'>
): Promise<void> {
  const moved = moves.filter(({ before, path }) => before !== path)
  if (moved.length === 0) return
  const actor = await eventActor(db, by)
  const facts = new Map(
    (
      await manyFacts(
        db,
        moved.map(({ id }) => id)
      )
    ).map((each) => [each.entry, each])
  )
  const events = moved.flatMap(({ id, before: old_path }) => {
    const known = facts.get(entryOf(id))
    return known === undefined
      ? []
      : [fileEvent(known, { type: 'file.moved', at, actor, more: { old_path } })]
  })
  await writeEvents(db, events)
}

/** Of a link that was made of a user's file; nothing for another one. */
export async function noteLink(
  db: Kysely<Schema>,
  { entry, version, file }: Pick<Selectable<LinksTable>, 'entry' | 'version' | 'file'>,
  link: LinkRecord,
  noted: Pick<NotedFile, 'type' | 'at' | 'by'>
): Promise<void> {
  if (entry === null || version === null) return
  await noteFile(db, entry, { ...noted, version, file, more: shareData(link) })
}

/** @param reason why it ended; undefined: it began */
export async function noteSession(
  db: Kysely<Schema>,
  row: Pick<Selectable<SessionsTable>, 'id' | 'user_id' | 'kind' | 'name'>,
  { at, by, reason }: { at: number; by?: UserId | undefined; reason?: SessionEnd | undefined }
): Promise<void> {
  const { id, user_id: user, kind, name } = row
  const session = { id: sessionOf(id), user: userOf(user), kind, name }
  await writeEvent(db, sessionEvent(session, { at, actor: await eventActor(db, by), reason }))
}

export async function noteAccount(
  db: Kysely<Schema>,
  before: UserRecord,
  after: UserRecord,
  { at, by }: { at: number; by?: UserId | undefined }
): Promise<void> {
  const event = accountEvent(before, after, { at, actor: await eventActor(db, by) })
  if (event !== undefined) await writeEvent(db, event)
}
