/** One loop asks for all who listen; each listener gets its own, in order, none twice and none missed. */

import t from 'tap'
import type { Test } from 'tap'
import type { ControllerClient } from '../../../src/client/controller-client.ts'
import { parseConfig } from '../../../src/config.ts'
import { createEvents } from '../../../src/controller/events/events.ts'
import type { EventsDeps } from '../../../src/controller/events/events.ts'
import { EventFeed } from '../../../src/edge/events/event-feed.ts'
import type { EventBatch, ListenTo, ToldEvent } from '../../../src/edge/events/listening.ts'
import { PeerbinError, asPeerbinError, hasCode } from '../../../src/errors.ts'
import { MemoryMetadataStore } from '../../../src/metadata/memory-metadata-store.ts'
import { eventMessages } from '../../../src/protocol/messages/event-messages.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { SCOPES } from '../../../src/types.ts'
import type { UserId } from '../../../src/types.ts'
import { addUser, userId } from '../../conformance/account-fixture.ts'
import { OWNER, addPool } from '../../conformance/pool-fixture.ts'
import { ManualClock, settle } from '../../kit/manual-clock.ts'
import { seededRandom } from '../../kit/seeded-random.ts'

const ann = userId('ann')
const bob = userId('bob')
const root = userId('root')

type Op = 'followEvents' | 'listEvents'

/** A feed over the controller's part and a store in memory; an event is a new quota of somebody. */
async function start(t: Test, events: { listenersPerUser?: number; listenersMax?: number } = {}) {
  const clock = new ManualClock()
  const store = new MemoryMetadataStore()
  await store.open()
  for (const name of ['ann', 'bob', 'root']) await addUser(store, name)
  const config = parseConfig({ events: { listenersPerUser: 3, listenersMax: 5, ...events } })
  const deps = {
    store,
    clock,
    config,
    random: seededRandom(1),
    leadership: { assert: () => {} },
    time: { now: () => clock.now() }
  } as unknown as EventsDeps
  const part = createEvents(deps)
  await part.restore()
  const asked: Op[] = []
  const state = { isAway: false }
  const call = async (op: Op, request: never, { signal }: { signal: AbortSignal }) => {
    asked.push(op)
    if (state.isAway) throw new PeerbinError('no-controller')
    const message = eventMessages[op].request.parse(request) as never
    return eventMessages[op].response.parse(await part.handlers[op](message, signal))
  }
  const feed = new EventFeed({
    controller: { call: call as unknown as ControllerClient['call'] },
    clock,
    logger: silentLogger,
    config
  })
  let quotaBytes = 0
  const add = async (owner: UserId, count = 1): Promise<void> => {
    for (let i = 0; i < count; i++)
      await store.changeUser({ id: owner, quotaBytes: ++quotaBytes, now: clock.now() })
  }
  /** Somebody who listens, and keeps what they hear: the numbers, or of everybody’s the quotas. */
  const listen = (user: UserId, from: ListenTo = {}, isOpen?: () => Promise<void>) => {
    const listener = feed.open({ user })
    const ending = new AbortController()
    const heard: number[] = []
    const batches: EventBatch[] = []
    const outcome = { code: '' }
    const over = (async () => {
      try {
        const signal = AbortSignal.any([listener.signal, ending.signal])
        const role = user === root ? 'admin' : 'user'
        const actor = { user, role, kind: 'session', scopes: SCOPES } as const
        for await (const batch of feed.events(actor, from, signal)) {
          batches.push(batch)
          heard.push(...batch.events.map((each) => (from.owner === '*' ? each.seq : each.number)))
          await isOpen?.()
        }
        outcome.code = 'ended'
      } catch (error) {
        if (!hasCode(error)) throw error
        outcome.code = asPeerbinError(error).code
        Object.assign(outcome, asPeerbinError(error).details)
      } finally {
        listener[Symbol.dispose]()
      }
    })()
    return { heard, batches, outcome, over, leave: () => ending.abort(new PeerbinError('aborted')) }
  }
  t.teardown(() => feed.stop())
  const epoch = await store.eventsEpoch()
  return {
    clock,
    store,
    part,
    asked,
    state,
    feed,
    add,
    listen,
    cursor: (n: number | string) => `${epoch}.${n}`
  }
}

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

t.test(
  'everybody hears their own at once, administrators everybody’s, by one question for all',
  async (t) => {
    const { clock, asked, add, listen, cursor } = await start(t)
    await add(ann) // before anybody listened
    const hers = listen(ann)
    const his = listen(bob)
    const all = listen(root, { owner: '*' })
    await clock.advance(1000)
    const before = asked.length
    for (const owner of [ann, bob, ann]) {
      await add(owner)
      await settle()
    }
    t.same([hers.heard, his.heard, all.heard], [[2, 3], [1], [2, 3, 4]])
    t.ok(asked.length - before <= 4, `${asked.length - before} questions for three events`)
    t.same(hers.batches[0], { events: [], cursor: cursor(1), more: false }, 'where it begins is said at once')
    t.equal(hers.batches.at(-1)?.events[0]?.cursor, cursor(3))
    t.equal(all.batches.at(-1)?.cursor, cursor('s4'))
  }
)

t.test('nobody is asked while nobody listens', async (t) => {
  const { clock, asked, add, listen } = await start(t)
  const first = listen(ann)
  await clock.advance(1000)
  first.leave()
  await first.over
  await clock.advance(10_000)
  const before = asked.length
  await add(ann, 5)
  await clock.advance(60_000)
  t.equal(asked.length, before)
  const second = listen(ann)
  await clock.advance(1000)
  await add(ann)
  await clock.advance(1000)
  t.same(second.heard, [6], 'and what happened meanwhile is not told to whoever comes now')
})

t.test(
  'whoever comes back hears what was missed, and joins those who follow while more is written',
  async (t) => {
    const { clock, asked, add, listen, cursor } = await start(t)
    const other = listen(bob) // the edge follows
    await clock.advance(1000)
    await add(ann, 1500)
    // each page that is read, something is written
    let more = 40
    const back = listen(ann, { after: cursor(100), limit: 50 }, async () => {
      if (more-- > 0) await add(ann)
    })
    await clock.advance(20_000)
    t.same(back.heard, numbers(101, 1540), 'in order, none twice, none missed')
    const before = asked.filter((op) => op === 'listEvents').length
    await add(ann, 5)
    await clock.advance(1000)
    t.same(back.heard.slice(-5), numbers(1541, 1545))
    t.equal(asked.filter((op) => op === 'listEvents').length, before, 'it asks no more for itself')
    t.same(other.heard, [])
  }
)

t.test('a listener that stands still holds nothing up, and goes on where it was', async (t) => {
  const { clock, add, listen } = await start(t)
  let go = (): void => {}
  const gate = new Promise<void>((resolve) => (go = resolve))
  const slow = listen(ann, {}, () => gate)
  const quick = listen(ann)
  await clock.advance(1000)
  for (let i = 0; i < 8; i++) {
    await add(ann, 500)
    await add(bob, 100)
    await clock.advance(1000)
  }
  t.same(quick.heard, numbers(1, 4000))
  t.same(slow.heard, [], 'it has read the first word only')
  go()
  await clock.advance(5000)
  t.same(slow.heard, numbers(1, 4000))
})

t.test(
  'with another epoch nobody goes on as if nothing had been: a number may be another event',
  async (t) => {
    const { clock, store, part, add, listen, cursor } = await start(t)
    await add(ann, 10)
    const one = listen(ann, { after: 'start' })
    await clock.advance(1000)
    await store.renewEventsEpoch('recovered')
    await part.restore()
    await clock.advance(6000)
    t.match(one.outcome, { code: 'cursor-expired', oldest: 'recovered.0', newest: 'recovered.10' })
    const late = listen(ann, { after: cursor(10) })
    await clock.advance(1000)
    t.equal(late.outcome.code, 'cursor-expired')
    const anew = listen(ann, { after: 'recovered.10' })
    await clock.advance(1000)
    await add(ann)
    await clock.advance(1000)
    t.same([one.heard, anew.heard], [numbers(1, 10), [11]])
  }
)

t.test('a place that is not kept any more, or never was, is refused with where to begin', async (t) => {
  const { clock, store, add, listen, cursor } = await start(t)
  await add(ann, 10)
  await add(bob, 5)
  await store.trimEvents({ recordsMax: 100, perStreamMax: 6, limit: 100 })
  const outcomes = async (after: string, owner?: '*') => {
    const one = listen(root, { after, owner: owner ?? ann, forMs: 0 })
    await clock.advance(1000)
    await one.over
    return [one.outcome.code, one.heard]
  }
  t.same(await outcomes(cursor(3)), ['cursor-expired', []])
  t.same(await outcomes(cursor(4)), ['ended', numbers(5, 10)], 'the last that misses nothing')
  t.same(await outcomes(cursor(10)), ['ended', []])
  t.same(await outcomes(cursor(11)), ['cursor-expired', []], 'it never was')
  t.same(await outcomes('start'), ['ended', numbers(5, 10)])
  t.same(await outcomes('11111111.4'), ['cursor-expired', []])
  for (const bad of ['4', 'x.y', cursor('s4'), `${cursor(4)} `])
    t.same(await outcomes(bad), ['invalid-field', []], bad)
  t.same(await outcomes(cursor('s3'), '*'), ['cursor-expired', []], 'of everybody’s, too')
  t.same(await outcomes(cursor('s4'), '*'), ['ended', numbers(5, 15)])
  await add(bob, 600)
  const behind = listen(bob, { after: cursor(1) }, async () => {
    await store.trimEvents({ recordsMax: 1000, perStreamMax: 1, limit: 1000 })
  })
  await clock.advance(1000)
  t.equal(
    behind.outcome.code,
    'cursor-expired',
    'also to whoever did not read fast enough: nothing is left out'
  )
  t.same(behind.heard, numbers(2, 1 + behind.heard.length))
})

t.test('who asks for some types only is told of the place behind the others, too', async (t) => {
  const { clock, add, listen, cursor } = await start(t)
  const one = listen(ann, { types: ['session.started'] })
  await clock.advance(1000)
  await add(ann, 3)
  await clock.advance(20_000)
  t.same(one.heard, [])
  t.equal(one.batches.at(-1)?.cursor, cursor(3), 'so that it does not grow too old')
  const ended = listen(ann, { types: ['session.started'], after: cursor(1), forMs: 0 })
  await clock.advance(1000)
  await ended.over
  t.equal(ended.batches.at(-1)?.cursor, cursor(3), 'and at the end of a page')
})

t.test('an outage of the controller costs time, and no event, also of more than one page', async (t) => {
  const { clock, state, add, listen } = await start(t)
  const one = listen(ann)
  const all = listen(root, { owner: '*' })
  await clock.advance(1000)
  state.isAway = true
  await clock.advance(6000)
  await add(ann, 1200)
  await clock.advance(10_000)
  t.same([one.heard, all.heard], [[], []])
  state.isAway = false
  await clock.advance(1000)
  t.same(one.heard, numbers(1, 1200))
  t.same(all.heard, numbers(1, 1200))
})

t.test('a quiet connection is kept alive', async (t) => {
  const { clock, add, listen } = await start(t)
  const one = listen(ann)
  await clock.advance(1000)
  for (let s = 0; s < 40; s++) {
    await add(bob) // which is nothing for her
    await clock.advance(1000)
  }
  const beats = one.batches.length - 1
  t.ok(beats >= 2 && beats <= 3, `${beats} beats in 40 s`)
  t.equal(one.batches.at(-1)?.events.length, 0)
})

t.test('others’ events are for administrators', async (t) => {
  const { clock, listen } = await start(t)
  for (const owner of [bob, '*'] as const) {
    const one = listen(ann, { owner })
    await clock.advance(100)
    t.equal(one.outcome.code, 'permission-denied')
  }
})

t.test(
  'so many listen, and no more, of one user and in all; and the end of the feed ends them',
  async (t) => {
    const { clock, feed, listen } = await start(t)
    const refused = (user: UserId): void => {
      t.throws(() => feed.open({ user }), { code: 'too-many-transfers' })
    }
    const hers = [listen(ann), listen(ann), listen(ann)]
    refused(ann)
    const his = [listen(bob), listen(bob)]
    refused(root)
    hers[0]?.leave()
    await hers[0]?.over
    listen(ann)
    refused(bob)
    await settle()
    await feed.stop()
    await Promise.all([...hers, ...his].map(({ over }) => over))
    t.equal(clock.timers, 0)
  }
)

t.test(
  'a thousand who listen to a pool cost one question for what is new, and share what they are told',
  async (t) => {
    const COUNT = 1000
    const { clock, store, feed, asked } = await start(t, { listenersPerUser: COUNT, listenersMax: COUNT })
    const pool = await addPool(store)
    const ending = new AbortController()
    const told: ToldEvent[] = []
    const actor = { user: OWNER, role: 'user', kind: 'session', scopes: SCOPES } as const
    for (let i = 0; i < COUNT; i++) {
      const listener = feed.open({ user: OWNER })
      t.teardown(() => listener[Symbol.dispose]())
      void (async () => {
        for await (const { events } of feed.events(actor, { pool: pool.id }, ending.signal))
          told.push(...events)
      })().catch(() => undefined)
    }
    await settle()
    await clock.advance(1000)
    const before = asked.length
    await store.changePool({ id: pool.id, name: 'other', now: clock.now() })
    for (let i = 0; i < 100 && told.length < COUNT; i++) await clock.advance(10)
    t.equal(told.length, COUNT)
    t.equal(new Set(told).size, 1, 'all of them the same object')
    t.same(
      asked.slice(before).filter((op) => op === 'listEvents'),
      []
    )
    ending.abort()
  }
)
