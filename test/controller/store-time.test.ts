import t from 'tap'
import { StoreTime, SLEW_RATE, advance, resumeAt } from '../../src/controller/store-time.ts'
import { ManualClock } from '../kit/manual-clock.ts'

const HOUR = 3_600_000
const LAG_MAX = 24 * HOUR

function runningTime(clock: ManualClock, markMs = 0): StoreTime {
  const time = new StoreTime(clock)
  time.resume(markMs, LAG_MAX)
  return time
}

t.test('a new cluster starts at the wall clock and keeps to it', async (t) => {
  const clock = new ManualClock()
  const time = runningTime(clock)
  t.equal(time.now(), clock.now())
  for (const ms of [1, 999, 60_000, 7 * HOUR]) {
    await clock.advance(ms)
    t.equal(time.now(), clock.now())
  }
})

t.test('a wall clock set an hour ahead ends no lease of ten minutes', async (t) => {
  const clock = new ManualClock()
  const time = runningTime(clock)
  const leaseUntil = time.now() + 600_000
  clock.jump(HOUR)
  t.ok(time.now() < leaseUntil)
  await clock.advance(570_000)
  t.ok(time.now() < leaseUntil, 'nine and a half minutes later it still runs')
  await clock.advance(30_000)
  t.ok(time.now() >= leaseUntil)
})

t.test('after a jump ahead the time closes in on the wall clock, and then keeps to it', async (t) => {
  const clock = new ManualClock()
  const time = runningTime(clock)
  clock.jump(HOUR)
  await clock.advance(HOUR)
  t.equal(clock.now() - time.now(), HOUR * (1 - SLEW_RATE))
  for (let hours = 0; hours < 20; hours++) {
    await clock.advance(HOUR)
    time.now()
  }
  t.equal(time.now(), clock.now())
})

t.test('a wall clock set back turns nothing back and stops nothing', async (t) => {
  const clock = new ManualClock()
  const time = runningTime(clock)
  const before = time.now()
  clock.jump(-HOUR)
  t.equal(time.now(), before)
  await clock.advance(100_000)
  t.equal(time.now(), before + 100_000 * (1 - SLEW_RATE))
})

t.test('it never runs backwards, whatever both clocks do', async (t) => {
  const clocks = [0, 5, 5, 1_000_000, 1_000_000, -3, 17, 2_000_000]
  let last = { timeMs: 1000, monotonicMs: 0 }
  for (const wallMs of clocks) {
    for (const monotonicMs of [last.monotonicMs - 5, last.monotonicMs, last.monotonicMs + 3.5]) {
      const next = advance(last, wallMs, monotonicMs)
      t.ok(next.timeMs >= last.timeMs)
      t.ok(next.monotonicMs >= last.monotonicMs)
      last = next
    }
  }
})

t.test('answers are whole milliseconds', async (t) => {
  const clock = new ManualClock()
  const time = runningTime(clock)
  await clock.advance(0.4)
  t.ok(Number.isInteger(time.now()))
})

t.test('after an outage it goes on from the mark', async (t) => {
  t.equal(resumeAt(1000 * HOUR, 1003 * HOUR, LAG_MAX), 1000 * HOUR)
})

t.test('a mark ahead of the wall clock is kept', async (t) => {
  t.equal(resumeAt(1000 * HOUR, 998 * HOUR, LAG_MAX), 1000 * HOUR)
})

t.test('an outage longer than the longest lease counts as that long only', async (t) => {
  t.equal(resumeAt(1000 * HOUR, 1100 * HOUR, LAG_MAX), 1076 * HOUR)
})
