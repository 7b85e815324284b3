/** Everybody's newest events, as an edge has them: what comes after a place in it needs no question to the controller. */

import type { StoredEvent } from '../../events.ts'
import type { EventMessages, ResponseOf } from '../../protocol/messages.ts'
import type { EventStream } from '../../types.ts'

/** Events kept for those who are a moment behind, at about 1 KiB. */
const RECENT_MAX = 2000

/** Null: everybody's. */
export type Whose = EventStream | null

/** A place of a listener: what was dealt with of its stream. */
export interface Place {
  readonly epoch: string
  /** `number` in the stream, or `seq` among everybody's. */
  readonly at: number
  /** Of all events up to this `seq`, those that are the listener's are among the ones up to `at`. */
  readonly seq: number
}

export interface Found {
  readonly events: readonly StoredEvent[]
  readonly place: Place
  readonly more: boolean
}

export const placeIn = (whose: Whose, event: StoredEvent): number =>
  whose === null ? event.seq : event.number

export class EventWindow {
  #epoch: string | undefined
  /** It has all events with a greater `seq` than #from, up to #to. */
  #from = 0
  #to = 0
  #recent: StoredEvent[] = []
  #byStream = new Map<EventStream, StoredEvent[]>()

  /** Where the next page begins; undefined: nothing was looked at yet. */
  get end(): number | undefined {
    return this.#epoch === undefined ? undefined : this.#to
  }

  /** As if nothing had been looked at. */
  clear(): void {
    this.#epoch = undefined
    this.#recent = []
    this.#byStream.clear()
  }

  /** Takes in what came after `end`. Answers false where that does not follow what is here: then it begins anew, at the end of what there is. */
  add({ events, epoch, from, last, more }: ResponseOf<EventMessages, 'followEvents'>): boolean {
    const follows = epoch === this.#epoch && from <= this.#to && last >= this.#to
    if (!follows) {
      this.clear()
      this.#epoch = epoch
      this.#from = this.#to = last
      return false
    }
    for (const event of events) this.#put(event)
    this.#to = more ? (events.at(-1)?.seq ?? this.#to) : Math.max(last, events.at(-1)?.seq ?? 0)
    for (const old of this.#recent.splice(0, Math.max(0, this.#recent.length - RECENT_MAX))) this.#drop(old)
    return true
  }

  #put(event: StoredEvent): void {
    this.#recent.push(event)
    const own = this.#byStream.get(event.stream)
    if (own === undefined) this.#byStream.set(event.stream, [event])
    else own.push(event)
  }

  #drop(event: StoredEvent): void {
    this.#from = event.seq
    const own = this.#byStream.get(event.stream)
    own?.shift() // the oldest of its stream goes first
    if (own?.length === 0) this.#byStream.delete(event.stream)
  }

  /** What comes after a place; undefined where that is not known here. */
  after(whose: Whose, place: Place, limit: number): Found | undefined {
    if (place.epoch !== this.#epoch || place.seq < this.#from) return undefined
    const all = whose === null ? this.#recent : (this.#byStream.get(whose) ?? [])
    const first = all.findIndex((event) => placeIn(whose, event) > place.at)
    const events = first < 0 ? [] : all.slice(first, first + limit)
    const [next] = events
    // numbers have no gaps: whatever has led to one, the stream itself is asked
    if (whose !== null && next !== undefined && next.number !== place.at + 1) return undefined
    const more = first >= 0 && first + limit < all.length
    const last = events.at(-1)
    const seq = more && last !== undefined ? last.seq : Math.max(place.seq, this.#to)
    const end = last === undefined ? place.at : placeIn(whose, last)
    return { events, place: { epoch: place.epoch, at: whose === null ? seq : end, seq }, more }
  }
}
