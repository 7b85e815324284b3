/** One loop asks for all who listen; each listener gets its own, in order, none twice and none missed. */

import t from 'tap'
import type { Test } from 'tap'
import { EventFeed } from '../../../src/edge/history/event-feed.ts'
import type { EventBatch } from '../../../src/edge/history/event-feed.ts'
import { PeerbinError, hasCode } from '../../../src/errors.ts'
import { parseConfig } from '../../../src/config.ts'
import type { ControllerClient } from '../../../src/client/controller-client.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import type { StoredHistory } from '../../../src/history.ts'
import type { UserId } from '../../../src/types.ts'
import { historyRecord, userOf } from '../../conformance/metadata-history.ts'
import { ManualClock, settle } from '../../kit/manual-clock.ts'

const ann = userOf('ann')
const bob = userOf('bob')

interface Asked {
  after?: number
  limit: number
}

function start(t: Test) {
  const clock = new ManualClock()
  const asked: Asked[] = []
  const state = { records: [] as StoredHistory[], last: 0, isAway: false }
  const call = async (_op: string, request: Asked) => {
    asked.push(request)
    if (state.isAway) throw new PeerbinError('no-controller')
    const { after, limit } = request
    const found = after === undefined ? [] : state.records.filter(({ seq }) => seq > after)
    const records = found.slice(0, limit)
    return { records, next: found.length > limit ? (records.at(-1)?.seq ?? null) : null, last: state.last }
  }
  const feed = new EventFeed({
    controller: { call: call as unknown as ControllerClient['call'] },
    clock,
    logger: silentLogger,
    config: parseConfig({ history: { listenersPerUser: 3, listenersMax: 5 } })
  })
  const add = (owner: UserId, count = 1): void => {
    for (let i = 0; i < count; i++)
      state.records.push({
        ...historyRecord(`${state.last}`, { owner, action: 'upload.status' }),
        seq: ++state.last
      })
  }
  /** Somebody who listens, and keeps what they hear. */
  const listen = (user: UserId, role: 'user' | 'admin' = 'user', after?: number) => {
    const listener = feed.open({ user })
    const ending = new AbortController()
    const heard: number[] = []
    const batches: EventBatch[] = []
    const over = (async () => {
      try {
        const signal = AbortSignal.any([listener.signal, ending.signal])
        for await (const batch of feed.events({ user, role }, { after }, signal)) {
          batches.push(batch)
          heard.push(...batch.events.map(({ seq }) => seq))
        }
      } catch (error) {
        if (!hasCode(error)) throw error
      } finally {
        listener[Symbol.dispose]()
      }
    })()
    return { heard, batches, over, leave: () => ending.abort(new PeerbinError('aborted')) }
  }
  t.teardown(() => feed.stop())
  return { clock, asked, state, feed, add, listen }
}

t.test('everybody hears their own, administrators everybody’s, by one question for all', async (t) => {
  const { clock, asked, add, listen } = start(t)
  add(ann) // before anybody listened
  const hers = listen(ann)
  const his = listen(bob)
  const all = listen(userOf('admin'), 'admin')
  await clock.advance(1000)
  const before = asked.length
  for (const owner of [ann, bob, ann]) {
    add(owner)
    await clock.advance(500)
  }
  t.same([hers.heard, his.heard, all.heard], [[2, 4], [3], [2, 3, 4]])
  t.ok(asked.length - before <= 4, `${asked.length - before} questions in one and a half seconds`)
  t.same(hers.batches[0], { events: [], place: 1 }, 'where it begins is said at once')
})

t.test('nobody is asked while nobody listens', async (t) => {
  const { clock, asked, add, listen } = start(t)
  const first = listen(ann)
  await clock.advance(1000)
  first.leave()
  await first.over
  await clock.advance(1000)
  const before = asked.length
  add(ann, 5)
  await clock.advance(60_000)
  t.equal(asked.length, before)
  const second = listen(ann)
  await clock.advance(1000)
  add(ann)
  await clock.advance(1000)
  t.same(second.heard, [6], 'and what happened meanwhile is not told to whoever comes now')
})

t.test('whoever comes back hears what was missed, in pages of their own', async (t) => {
  const { clock, add, listen } = start(t)
  add(ann, 1500)
  const back = listen(ann, 'user', 100)
  await clock.advance(2000)
  t.equal(back.heard.length, 1400)
  add(ann)
  await clock.advance(1000)
  t.same(
    back.heard,
    Array.from({ length: 1401 }, (_, i) => 101 + i),
    'in order, none twice'
  )
})

t.test('more than is kept comes in at once, and nobody misses any', async (t) => {
  const { clock, add, listen } = start(t)
  const one = listen(ann)
  await clock.advance(1000)
  add(ann, 3000)
  await clock.advance(3000)
  t.same(
    one.heard,
    Array.from({ length: 3000 }, (_, i) => 1 + i)
  )
})

t.test('metadata that were restored count from an earlier number, and it goes on from there', async (t) => {
  const { clock, state, add, listen } = start(t)
  add(ann, 10)
  const one = listen(ann)
  const late = listen(ann, 'user', 1000)
  await clock.advance(1000)
  Object.assign(state, { records: [], last: 5 })
  await clock.advance(30_000)
  add(ann)
  await clock.advance(16_000)
  t.same(one.heard, [6])
  t.same(late.heard, [6], 'a place that never was is no reason to hear nothing')
})

t.test('an outage of the controller costs time, and no event', async (t) => {
  const { clock, state, add, listen } = start(t)
  const one = listen(ann)
  await clock.advance(1000)
  state.isAway = true
  add(ann)
  await clock.advance(10_000)
  t.same(one.heard, [])
  state.isAway = false
  await clock.advance(1000)
  t.same(one.heard, [1])
})

t.test('a quiet connection is kept alive', async (t) => {
  const { clock, add, listen } = start(t)
  const one = listen(ann)
  await clock.advance(1000)
  for (let s = 0; s < 40; s++) {
    add(bob) // which is nothing for her
    await clock.advance(1000)
  }
  const beats = one.batches.length - 1
  t.ok(beats >= 2 && beats <= 3, `${beats} beats in 40 s`)
  t.equal(one.batches.at(-1)?.events.length, 0)
})

t.test(
  'so many listen, and no more, of one user and in all; and the end of the feed ends them',
  async (t) => {
    const { clock, feed, listen } = start(t)
    const refused = (user: UserId): void => {
      t.throws(() => feed.open({ user }), { code: 'too-many-transfers' })
    }
    const hers = [listen(ann), listen(ann), listen(ann)]
    refused(ann)
    const his = [listen(bob), listen(bob)]
    refused(userOf('third'))
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
