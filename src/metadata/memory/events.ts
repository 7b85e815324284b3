import type { StoredEvent } from '../../events.ts'
import type { EventRecords, EventsPage } from '../../metadata-store.ts'
import type { EventStream, UserId } from '../../types.ts'
import { EPOCH_SETTING, eventIdOf } from '../event-facts.ts'
import type { EventActor, NewEvent } from '../event-facts.ts'
import { planTrim } from '../event-trim.ts'
import type { State, StreamRow } from './state.ts'
import { wakeWebhooks } from './webhook-wake.ts'

type Request<Name extends keyof EventRecords> = Parameters<EventRecords[Name]>[0]

/** At the end of a step, when nothing can be refused any more. */
export function writeEvent(state: State, event: NewEvent): void {
  const row = streamAt(state, event.stream)
  const number = ++row.last
  const stored: StoredEvent = {
    ...structuredClone(event),
    seq: ++state.eventSeq,
    number,
    id: eventIdOf(event, number)
  }
  row.events.push(stored)
  state.events.push(stored)
  wakeWebhooks(state, event.stream, event.at)
}

function streamAt(state: State, name: EventStream): StreamRow {
  const known = state.streams.get(name)
  if (known !== undefined) return known
  const row: StreamRow = { last: 0, events: [] }
  state.streams.set(name, row)
  return row
}

/** Whoever did something, with the name they have then. */
export function eventActor(state: State, by: UserId | undefined): EventActor {
  const user = by === undefined ? undefined : state.users.get(by)?.record
  return user === undefined ? null : { id: user.id, name: user.name }
}

/** The first that is not at or before a place, of those in order. */
function indexAfter(events: readonly StoredEvent[], place: (event: StoredEvent) => number, after: number) {
  let [low, high] = [0, events.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const event = events[middle]
    if (event !== undefined && place(event) <= after) low = middle + 1
    else high = middle
  }
  return low
}

const pageOf = (
  events: readonly StoredEvent[],
  place: (event: StoredEvent) => number,
  { after, limit }: { after: number; limit: number }
): StoredEvent[] => {
  const from = indexAfter(events, place, after)
  return structuredClone(events.slice(from, from + limit))
}

const numberOf = ({ number }: StoredEvent): number => number
const seqOf = ({ seq }: StoredEvent): number => seq

export function listEvents(
  state: State,
  { stream, ...request }: Request<'listEvents'>
): EventsPage & { seq: number } {
  const { last, events } = state.streams.get(stream) ?? { last: 0, events: [] }
  const from = (events[0]?.number ?? last + 1) - 1
  return { events: pageOf(events, numberOf, request), from, last, seq: state.eventSeq }
}

export const tailEvents = (state: State, request: Request<'tailEvents'>): EventsPage => ({
  events: pageOf(state.events, seqOf, request),
  from: state.eventsGone,
  last: state.eventSeq
})

export const eventsEpoch = (state: State): string | null => state.settings.get(EPOCH_SETTING) ?? null

export function renewEventsEpoch(state: State, epoch: string): void {
  state.settings.set(EPOCH_SETTING, epoch)
}

export function purgeEvents(state: State, before: number, limit: number): number {
  const oldest = state.events.slice(0, limit)
  const kept = oldest.findIndex(({ at }) => at >= before)
  const old = kept < 0 ? oldest : oldest.slice(0, kept)
  drop(state, new Set(old))
  return old.length
}

export function trimEvents(state: State, rule: Request<'trimEvents'>): number {
  const lengths = [...state.streams].map(([name, { events }]) => ({ name, kept: events.length }))
  const over = planTrim(lengths, rule).flatMap(({ name, count }) =>
    (state.streams.get(name)?.events ?? []).slice(0, count)
  )
  drop(state, new Set(over))
  return over.length
}

function drop(state: State, over: ReadonlySet<StoredEvent>): void {
  for (const { stream, seq } of over) {
    state.streams.get(stream)?.events.shift() // the oldest of each go, in order
    state.eventsGone = Math.max(state.eventsGone, seq)
  }
  if (over.size > 0) state.events = state.events.filter((event) => !over.has(event))
}
