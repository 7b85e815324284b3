import t from 'tap'
import type { StepResult } from '../../src/interfaces.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { WorkerLoop } from '../../src/runtime/worker-loop.ts'
import { ManualClock, settle } from '../kit/manual-clock.ts'
import { seededRandom } from '../kit/seeded-random.ts'

function setUp(step: (signal: AbortSignal) => Promise<StepResult>) {
  const clock = new ManualClock()
  const loop = new WorkerLoop(
    { name: 'test', idleMs: 1000, step },
    { clock, random: seededRandom(1), logger: silentLogger }
  )
  return { clock, loop }
}

t.test('busy goes on at once, idle pauses, and a time asked for is kept', async (t) => {
  const results: StepResult[] = ['busy', 'busy', 'idle', { retryAfterMs: 30 }, 'idle']
  let steps = 0
  const { clock, loop } = setUp(async () => results[steps++] ?? 'idle')
  await loop.start()
  await clock.advance(0)
  t.equal(steps, 3)
  await clock.advance(999)
  t.equal(steps, 3)
  await clock.advance(1)
  t.equal(steps, 4)
  await clock.advance(30)
  t.equal(steps, 5)
  await loop.stop()
  await clock.advance(10_000)
  t.equal(steps, 5)
  t.equal(clock.timers, 0)
})

t.test('a nudge ends the pause, also one that comes while a step runs', async (t) => {
  let steps = 0
  const gate = { wait: Promise.resolve() }
  const { loop } = setUp(async () => {
    steps++
    await gate.wait
    return 'idle'
  })
  await loop.start()
  await settle()
  t.equal(steps, 1)
  const held = Promise.withResolvers<void>()
  gate.wait = held.promise
  loop.nudge()
  await settle()
  t.equal(steps, 2)
  loop.nudge()
  loop.nudge()
  gate.wait = Promise.resolve()
  held.resolve()
  await settle()
  t.equal(steps, 3)
  await loop.stop()
})

t.test('failures are counted and spaced out, and success starts over', async (t) => {
  let steps = 0
  let broken = true
  const { clock, loop } = setUp(async () => {
    steps++
    if (broken) throw new Error('broken')
    return 'idle'
  })
  await loop.start()
  await clock.advance(10 * 60_000)
  const failures = loop.report.failures
  // the longest pause is 30 s: at least 20 tries in ten minutes, and not hundreds
  t.ok(failures > 20 && failures < 60, `${failures}`)
  t.match(loop.report, { name: 'test', steps: 0, lastError: 'internal' })
  broken = false
  await clock.advance(60_000)
  const recovered = steps
  await clock.advance(10_000)
  t.equal(steps, recovered + 10)
  await loop.stop()
})

t.test('stopping aborts the step and waits for it; starting again works', async (t) => {
  let ended = 0
  const { loop, clock } = setUp(async (signal) => {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    await settle()
    ended++
    return 'idle'
  })
  await loop.stop()
  await loop.start()
  await loop.start()
  await settle()
  await Promise.all([loop.stop(), loop.stop()])
  t.equal(ended, 1)
  await loop.start()
  await settle()
  await loop.stop()
  t.equal(ended, 2)
  t.equal(clock.timers, 0)
})
