/** What listening to events means on an edge: the words of event-feed.ts, for whatever tells events on (server-sent events, the socket). */

import type { EventType, StoredEvent } from '../../events.ts'
import type { PoolId } from '../../pools.ts'
import type { UserId } from '../../types.ts'
import type { Actor } from '../accounts/actor.ts'

export interface ListenTo {
  /** A cursor; `start`: the oldest that is kept; default: from now on. */
  readonly after?: string | undefined
  /** Default: all. The cursor goes on past the others, too. */
  readonly types?: readonly EventType[] | undefined
  /** Default: one's own. Somebody else's, or `*`, everybody's, are for administrators. */
  readonly owner?: UserId | '*' | undefined
  /** Events of this pool, in place of somebody's: those that one's role in it lets one have. */
  readonly pool?: PoolId | undefined
  /** Ends once so long is over, when what is there was told; default: it does not. */
  readonly forMs?: number | undefined
  /** Events in one batch; default: EVENTS_MAX. */
  readonly limit?: number | undefined
}

/** The same object for all who are told it: what it is as text is made once. */
export interface ToldEvent extends StoredEvent {
  /** Whoever has dealt with it goes on after this. */
  readonly cursor: string
}

/** Events in order; none where only the connection has to be kept alive. */
export interface EventBatch {
  readonly events: readonly ToldEvent[]
  /** Where whoever comes back goes on: after the last of them, and after those of other types behind it. */
  readonly cursor: string
  /** There is more at once. */
  readonly more: boolean
}

/** A place for one who listens, until it is disposed of. */
export interface Listener {
  /** Aborts when the feed stops. */
  readonly signal: AbortSignal
  [Symbol.dispose](): void
}

export interface Events {
  /** Counts a listener until it is disposed of. @throws `too-many-transfers` */
  open(actor: Pick<Actor, 'user'>): Listener
  /**
   * Batches from a place on, read at the pace of whoever asks for them: nothing is queued. The first comes at once and says where it begins; an empty one at least every
   * `events.heartbeatMs`. Ends with the signal's reason, or after `forMs`, or behind the event that says that one is no member of the pool any more, or that it is deleted.
   * @throws `cursor-expired` (with `oldest` and `newest` in its details) at once or later, `invalid-field` for what is no cursor of these events, `permission-denied`, `pool-unknown`, `no-controller`
   */
  events(
    actor: Pick<Actor, 'user' | 'role' | 'kind' | 'scopes'>,
    from: ListenTo,
    signal: AbortSignal
  ): AsyncGenerator<EventBatch, void, undefined>
}
