/** Events: written by the operations that change things, in their transaction; read in order; forgotten from the oldest. */

import { sql } from 'kysely'
import type { Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { StoredEvent } from '../../events.ts'
import type { EventRecords, EventsPage } from '../../metadata-store.ts'
import type { EventId, EventStream, UserId } from '../../types.ts'
import { decodeEventData, encodeEventData, uuidBytes, uuidOf } from '../columns.ts'
import { EPOCH_SETTING, eventIdOf } from '../event-facts.ts'
import type { EventActor, NewEvent } from '../event-facts.ts'
import { planTrim } from '../event-trim.ts'
import type { Schema } from '../schema.ts'
import type { EventsTable, EventStreamsTable } from '../schema-events.ts'
import { readSetting, writeSetting } from './cluster.ts'
import { wakeWebhooks } from './webhook-wake.ts'
import { nextNumber, raiseNumber, readNumber } from './counters.ts'

/** Whoever else writes to the stream waits for this transaction, so that numbers are in the order of commits and without a gap; `seq` likewise, by the counter's row. */
export const writeEvent = async (db: Kysely<Schema>, event: NewEvent): Promise<void> =>
  await writeEvents(db, [event])

/** Several of one stream. */
export async function writeEvents(db: Kysely<Schema>, events: readonly NewEvent[]): Promise<void> {
  const [first] = events
  if (first === undefined) return
  const { no, last } = await nextInStream(db, first.stream, events.length)
  const newest = await nextNumber(db, 'events', events.length)
  const rows = events.map((event, i): EventsTable => {
    const number = last - events.length + 1 + i
    return {
      seq: newest - events.length + 1 + i,
      stream: no,
      number,
      id: uuidBytes(eventIdOf(event, number)),
      type: event.type,
      at: event.at,
      subject: event.subject,
      data: encodeEventData(event.data)
    }
  })
  await db.insertInto('events').values(rows).execute()
  await wakeWebhooks(db, first.stream, first.at)
}

async function nextInStream(
  db: Kysely<Schema>,
  name: EventStream,
  by: number
): Promise<Pick<Selectable<EventStreamsTable>, 'no' | 'last'>> {
  const next = () =>
    db
      .updateTable('event_streams')
      .set((eb) => ({ last: eb('last', '+', by) }))
      .where('name', '=', name)
      .returning(['no', 'last'])
      .executeTakeFirst()
  const known = await next()
  if (known !== undefined) return known
  await db
    .insertInto('event_streams')
    .values({ no: await nextNumber(db, 'streams'), name, last: 0, oldest: 1 })
    .onConflict((oc) => oc.column('name').doNothing()) // another transaction may have been first
    .execute()
  const made = await next()
  if (made === undefined) throw new PeerbinError('internal', 'a stream of events was not recorded')
  return made
}

/** Whoever did something, with the name they have then. */
export async function eventActor(db: Kysely<Schema>, by: UserId | undefined): Promise<EventActor> {
  if (by === undefined) return null
  const row = await db.selectFrom('users').select('name').where('id', '=', uuidBytes(by)).executeTakeFirst()
  return row === undefined ? null : { id: by, name: row.name }
}

const eventsQuery = (db: Kysely<Schema>) =>
  db
    .selectFrom('events')
    .innerJoin('event_streams', 'event_streams.no', 'events.stream')
    .selectAll('events')
    .select('event_streams.name')

export async function listEvents(
  db: Kysely<Schema>,
  { stream, after, limit }: Parameters<EventRecords['listEvents']>[0]
): ReturnType<EventRecords['listEvents']> {
  const seq = await readNumber(db, 'events')
  const row = await db.selectFrom('event_streams').selectAll().where('name', '=', stream).executeTakeFirst()
  if (row === undefined) return { events: [], from: 0, last: 0, seq }
  const rows = await eventsQuery(db)
    .where('events.stream', '=', row.no)
    .where('events.number', '>', after)
    .orderBy('events.number')
    .limit(limit)
    .execute()
  return { events: rows.map(eventOf), from: row.oldest - 1, last: row.last, seq }
}

export async function tailEvents(
  db: Kysely<Schema>,
  { after, limit }: Parameters<EventRecords['tailEvents']>[0]
): Promise<EventsPage> {
  const rows = await eventsQuery(db)
    .where('events.seq', '>', after)
    .orderBy('events.seq')
    .limit(limit)
    .execute()
  return {
    events: rows.map(eventOf),
    from: await readNumber(db, 'events_gone'),
    last: await readNumber(db, 'events')
  }
}

const eventOf = (row: Selectable<EventsTable> & { name: EventStream }): StoredEvent => ({
  seq: row.seq,
  stream: row.name,
  number: row.number,
  id: uuidOf(row.id) as EventId,
  type: row.type,
  at: row.at,
  subject: row.subject,
  data: decodeEventData(row.data)
})

export const eventsEpoch = (db: Kysely<Schema>): Promise<string | null> => readSetting(db, EPOCH_SETTING)

export const renewEventsEpoch = (db: Kysely<Schema>, epoch: string): Promise<void> =>
  writeSetting(db, EPOCH_SETTING, epoch)

/** What is left is the newest of each stream without a gap, since what goes is the oldest of all. */
export async function purgeEvents(db: Kysely<Schema>, before: number, limit: number): Promise<number> {
  const oldest = await db
    .selectFrom('events')
    .select(['seq', 'stream', 'number', 'at'])
    .orderBy('seq')
    .limit(limit)
    .execute()
  const kept = oldest.findIndex(({ at }) => at >= before)
  const old = kept < 0 ? oldest : oldest.slice(0, kept)
  const last = old.at(-1)
  if (last === undefined) return 0
  await db.deleteFrom('events').where('seq', '<=', last.seq).execute()
  const ends = new Map(old.map(({ stream, number }) => [stream, number]))
  for (const [no, number] of ends) await beginAfter(db, no, number)
  await raiseNumber(db, 'events_gone', last.seq)
  return old.length
}

export async function trimEvents(
  db: Kysely<Schema>,
  rule: Parameters<EventRecords['trimEvents']>[0]
): Promise<number> {
  const streams = await db
    .selectFrom('event_streams')
    .selectAll()
    .select(sql<number>`last - oldest + 1`.as('kept'))
    .where(sql<boolean>`last >= oldest`)
    .execute()
  const plan = planTrim(streams, rule)
  for (const { name, count } of plan) {
    const stream = streams.find((each) => each.name === name)
    if (stream !== undefined) await dropOldest(db, stream, count)
  }
  return plan.reduce((sum, { count }) => sum + count, 0)
}

async function dropOldest(
  db: Kysely<Schema>,
  { no, oldest }: Pick<Selectable<EventStreamsTable>, 'no' | 'oldest'>,
  count: number
): Promise<void> {
  const end = oldest + count - 1
  const last = await db
    .selectFrom('events')
    .select('seq')
    .where('stream', '=', no)
    .where('number', '=', end)
    .executeTakeFirst()
  await db.deleteFrom('events').where('stream', '=', no).where('number', '<=', end).execute()
  await beginAfter(db, no, end)
  if (last !== undefined) await raiseNumber(db, 'events_gone', last.seq)
}

const beginAfter = async (db: Kysely<Schema>, no: number, number: number): Promise<void> => {
  await db
    .updateTable('event_streams')
    .set({ oldest: number + 1 })
    .where('no', '=', no)
    .where('oldest', '<=', number)
    .execute()
}
