/** Events, pushed over a socket: each as the other side takes the one before, so that nothing waits here for anybody. */

import { PeerbinError } from '../../errors.ts'
import { EVENT_TYPES } from '../../events.ts'
import type { EventType } from '../../events.ts'
import type { Actor } from '../accounts/actor.ts'
import { assertPermitted } from '../accounts/permissions.ts'
import type { EdgeContext } from '../context.ts'
import { cloudEvent } from '../events/cloud-event.ts'
import type { EventBatch } from '../events/listening.ts'
import { invalid } from '../user-files/fields.ts'
import type { ConnectMessage } from './messages.ts'
import type { Outbox } from './outbox.ts'

export interface PushedEvents {
  /** Where they begin. */
  readonly cursor: string
  /** Pushes until the signal aborts. @throws `cursor-expired` for whoever was too slow, the signal's reason */
  run(): Promise<void>
}

/**
 * What is to be pushed over a socket that connects; undefined where nothing is.
 * @throws `permission-denied` for whoever asks and may not; `invalid-field`, `cursor-expired`, `too-many-transfers`, `no-controller`
 */
export async function pushEvents(
  { events, clusterName }: Pick<EdgeContext, 'events' | 'clusterName'>,
  actor: Actor,
  { events: wanted, after, types }: ConnectMessage,
  outbox: Pick<Outbox, 'send' | 'room'>,
  signal: AbortSignal
): Promise<PushedEvents | undefined> {
  const isAsked = wanted ?? (after !== undefined || types !== undefined)
  if (wanted === false || (!isAsked && !actor.scopes.includes('history:read'))) return undefined
  assertPermitted({ who: 'user', scope: 'history:read' }, actor)
  const known = types?.map(typeOf)
  const listener = events.open(actor)
  const both = AbortSignal.any([signal, listener.signal])
  const batches = events.events(actor, { after, types: known }, both)
  let first: IteratorResult<EventBatch, void>
  try {
    first = await batches.next()
  } catch (error) {
    listener[Symbol.dispose]()
    throw error
  }
  if (first.done === true) throw new PeerbinError('internal', 'events ended before they began')
  const { value: begun } = first
  // what the first batch tells already comes behind the place where whoever comes back would begin
  const cursor = begun.events.length === 0 ? begun.cursor : (after ?? begun.cursor)
  let told = cursor
  const push = async ({ events: batch, cursor: reached }: EventBatch): Promise<void> => {
    for (const event of batch) {
      await outbox.room(both)
      outbox.send({ type: 'event', cursor: event.cursor, event: cloudEvent(event, clusterName) })
      told = event.cursor
    }
    if (reached === told) return
    // others happened, of types that nobody asked for
    await outbox.room(both)
    outbox.send({ type: 'cursor', cursor: reached })
    told = reached
  }
  const run = async (): Promise<void> => {
    using _counted = listener
    try {
      await push(begun)
      for await (const batch of batches) await push(batch)
    } catch (error) {
      // the socket is closed once its transfers have stored what they received
      if (!listener.signal.aborted) throw error
    }
  }
  return { cursor, run }
}

const typeOf = (text: string): EventType => {
  const type = EVENT_TYPES.find((each) => each === text)
  if (type === undefined) throw invalid('types', `${text} is none: ${EVENT_TYPES.join(', ')} are`)
  return type
}
