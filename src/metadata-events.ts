/** What the metadata does with events (events.ts): part of the seam of metadata-store.ts, whose rules hold here too. Events are written by the operations that change things. */

import type { StoredEvent } from './events.ts'
import type { EventStream } from './types.ts'

/** `from`: everything after this place is there; what was forgotten is before or at it. `last`: the newest ever. All of one moment, as the page is. */
export interface EventsPage {
  events: StoredEvent[]
  from: number
  last: number
}

/** All of them in steps that are bounded by what is asked for. */
export interface EventRecords {
  /** Events of a stream whose `number` is greater than `after`, in order. `seq`: of all events up to here, those of the stream are among the ones up to `last`. */
  listEvents(request: {
    stream: EventStream
    after: number
    limit: number
  }): Promise<EventsPage & { seq: number }>
  /** The same of everybody's, by `seq`. */
  tailEvents(request: { after: number; limit: number }): Promise<EventsPage>
  /** Null: none was set yet. */
  eventsEpoch(): Promise<string | null>
  /** Another one from now on: 4 to 16 of a-z and 0-9, by chance. Before anything is told of metadata that are new, recovered or restored. */
  renewEventsEpoch(epoch: string): Promise<void>
  /** Forgets events from before `before`, the oldest first, up to the first that is not; answers how many, at most `limit`. */
  purgeEvents(before: number, limit: number): Promise<number>
  /**
   * Forgets the oldest of streams that have more than `perStreamMax`, and while there are more than `recordsMax` in all the oldest of whichever stream is longest; answers how many, at
   * most `limit`.
   */
  trimEvents(request: { recordsMax: number; perStreamMax: number; limit: number }): Promise<number>
}

/** Says that events were written: a hint that saves waiting, and nothing rests on it. */
export interface EventWatch {
  /** Called once the transaction is durable. Answers how to end that. */
  onWritten(listener: () => void): () => void
}
