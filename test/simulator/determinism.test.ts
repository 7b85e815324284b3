/** What a seed shows once, it shows again. */

import { createSHA256 } from 'hash-wasm'
import t from 'tap'
import { runSchedule } from './schedule.ts'

const LOSS = { sqlite: true, snapshotNodes: 3, controllers: 2, oldLeader: false, losesController: true }

const CASES = [
  { schedule: 1, plan: { sqlite: false, snapshotNodes: 0, watchesLogs: true } },
  { schedule: 2, plan: { sqlite: true, snapshotNodes: 0, losesController: false, watchesLogs: true } },
  { schedule: 3, plan: { sqlite: true, snapshotNodes: 3, losesController: false, watchesLogs: false } },
  { schedule: 4, plan: { ...LOSS, watchesLogs: false } }
]

for (const { schedule, plan } of CASES) {
  t.test(`one seed gives one run: ${JSON.stringify(plan)}`, async (t) => {
    const first = await runSchedule({ seed: 11, schedule, plan })
    const second = await runSchedule({ seed: 11, schedule, plan })
    t.same(second, first)
    t.ok(first.timers > 500, `${first.timers} events: a long run`)
  })
}

t.test('another seed gives another run', async (t) => {
  // whatever the plan: the seed is used before it
  const first = await runSchedule({ seed: 11, schedule: 1, plan: {} })
  const second = await runSchedule({ seed: 12, schedule: 1, plan: {} })
  t.not(second.hash, first.hash)
})

t.test(
  'digests of uploads that go on later need no turn of the event loop, for which time does not wait',
  async (t) => {
    let isReady = false
    void createSHA256().then(() => (isReady = true))
    // as virtual time waits
    await new Promise<void>((resolve) => process.nextTick(resolve))
    t.ok(isReady)
  }
)

t.test('users’ uploads and listeners, too', async (t) => {
  const first = await runSchedule({ seed: 5, schedule: 5, scenario: 'events' })
  const second = await runSchedule({ seed: 5, schedule: 5, scenario: 'events' })
  t.same(second, first)
})
