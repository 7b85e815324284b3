/** Events, pushed over a socket: each as the other side takes the one before, so that nothing waits here for anybody. */

import { PeerbinError } from '../../errors.ts'
import { EVENT_TYPES } from '../../events.ts'
import type { EventType } from '../../events.ts'
import { streamPool } from '../../pools.ts'
import type { PoolId } from '../../pools.ts'
import type { Actor } from '../accounts/actor.ts'
import { assertPermitted } from '../accounts/permissions.ts'
import type { EdgeContext } from '../context.ts'
import { cloudEventText } from '../events/cloud-event.ts'
import type { EventBatch, ListenTo, ToldEvent } from '../events/listening.ts'
import { invalid } from '../user-files/fields.ts'
import type { ConnectMessage } from './messages.ts'
import type { Outbox } from './outbox.ts'

export interface PushedEvents {
  /** Where they begin. */
  readonly cursor: string
  /** Pushes until the edge stops, or there are no more (`over`: of a pool that one is in no more). @throws `cursor-expired` for whoever was too slow, the signal's reason */
  run(): Promise<'over' | 'stopping'>
}

export interface PushDeps {
  readonly context: Pick<EdgeContext, 'events' | 'clusterName'>
  readonly actor: Actor
  readonly outbox: Pick<Outbox, 'send' | 'sendEncoded' | 'room'>
  readonly signal: AbortSignal
}

/**
 * What is to be pushed over a socket that connects; undefined where nothing is.
 * @throws `permission-denied` for whoever asks and may not; `invalid-field`, `cursor-expired`, `too-many-transfers`, `no-controller`
 */
export async function pushEvents(
  deps: PushDeps,
  { events: wanted, after, types }: ConnectMessage
): Promise<PushedEvents | undefined> {
  const { actor } = deps
  const isAsked = wanted ?? (after !== undefined || types !== undefined)
  if (wanted === false || (!isAsked && !actor.scopes.includes('history:read'))) return undefined
  assertPermitted({ who: 'user', scope: 'history:read' }, actor)
  return await beginPush(deps, { after, types: types?.map(typeOf) })
}

/** What is to be pushed of a pool. @throws as pushEvents, and `pool-unknown` */
export async function pushPool(
  deps: PushDeps,
  { pool, after, types }: { pool: PoolId; after?: string | undefined; types?: string[] | undefined }
): Promise<PushedEvents> {
  assertPermitted({ who: 'user', scope: 'pools' }, deps.actor)
  return await beginPush(deps, { pool, after, types: types?.map(typeOf) })
}

async function beginPush(
  { context, actor, outbox, signal }: PushDeps,
  from: ListenTo
): Promise<PushedEvents> {
  const { events, clusterName } = context
  const listener = events.open(actor)
  const both = AbortSignal.any([signal, listener.signal])
  const batches = events.events(actor, from, both)
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
  const cursor = begun.events.length === 0 ? begun.cursor : (from.after ?? begun.cursor)
  let told = cursor
  const push = async ({ events: batch, cursor: reached }: EventBatch): Promise<void> => {
    for (const event of batch) {
      await outbox.room(both)
      outbox.sendEncoded(frameOf(event, clusterName))
      told = event.cursor
    }
    if (reached === told) return
    // others happened, of types that nobody asked for
    await outbox.room(both)
    outbox.send({ type: 'cursor', ...(from.pool !== undefined && { pool: from.pool }), cursor: reached })
    told = reached
  }
  const run = async () => {
    using _counted = listener
    try {
      await push(begun)
      for await (const batch of batches) await push(batch)
      return 'over' as const
    } catch (error) {
      // the socket is closed once its transfers have stored what they received
      if (!listener.signal.aborted) throw error
      return 'stopping' as const
    }
  }
  return { cursor, run }
}

const frames = new WeakMap<ToldEvent, { readonly bytes: Uint8Array; readonly clusterName: string }>()

/** The message that tells an event, encoded once for all sockets. */
function frameOf(event: ToldEvent, clusterName: string): Uint8Array {
  const known = frames.get(event)
  if (known?.clusterName === clusterName) return known.bytes
  const pool = streamPool(event.stream)
  const head = { type: 'event', ...(pool !== undefined && { pool }), cursor: event.cursor }
  const text = `${JSON.stringify(head).slice(0, -1)},"event":${cloudEventText(event, clusterName)}}`
  const bytes = Buffer.from(text)
  frames.set(event, { bytes, clusterName })
  return bytes
}

const typeOf = (text: string): EventType => {
  const type = EVENT_TYPES.find((each) => each === text)
  if (type === undefined) throw invalid('types', `${text} is none: ${EVENT_TYPES.join(', ')} are`)
  return type
}
