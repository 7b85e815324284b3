import t from 'tap'
import { systemClock } from '../../src/runtime/clock.ts'

t.test('a timer is never early', async (t) => {
  for (let i = 0; i < 20; i++) {
    const delayMs = 1 + i * 0.37
    const startedAt = systemClock.monotonic()
    await new Promise<void>((resolve) => {
      systemClock.setTimer(delayMs, resolve)
    })
    t.ok(systemClock.monotonic() - startedAt >= delayMs)
  }
})

t.test('a timer of more than 25 days waits, and can be cancelled', async (t) => {
  let rang = false
  const far = systemClock.setTimer(40 * 86_400_000, () => (rang = true), { unref: true })
  const cancelled = systemClock.setTimer(1, () => (rang = true))
  cancelled.cancel()
  cancelled.cancel()
  await new Promise<void>((resolve) => {
    systemClock.setTimer(20, resolve)
  })
  t.notOk(rang)
  far.cancel()
})
