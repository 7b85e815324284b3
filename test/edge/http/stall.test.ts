/** What counts as standing still. */

import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { StallWatch } from '../../../src/edge/http/stall.ts'
import type { Clock } from '../../../src/interfaces.ts'

const LIMIT_MS = 30_000

t.test('what came while this process could not look is no stall', async (t) => {
  let nowMs = 0
  const due: Array<() => void> = []
  const clock: Clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    setTimer: (_delayMs, callback) => {
      due.push(callback)
      return { cancel: () => undefined }
    }
  }
  let stalls = 0
  const watch = new StallWatch(clock, LIMIT_MS, () => void stalls++)
  t.teardown(() => watch.stop())
  watch.wait()
  // a process that stood still runs its timers first, and hears its sockets after them
  nowMs += 2 * LIMIT_MS
  due.shift()?.()
  watch.moved()
  watch.wait()
  await nextTurn()
  await nextTurn()
  t.equal(stalls, 0)
  nowMs += LIMIT_MS
  due.shift()?.()
  await nextTurn()
  await nextTurn()
  t.equal(stalls, 1, 'and whoever stands still then is noticed')
})
