import t from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import { abortScope, abortable, deadline, sleep, withDeadline } from '../../src/runtime/deadline.ts'
import { ManualClock, settle } from '../kit/manual-clock.ts'

const never = new Promise<never>(() => {})

t.test('a limit aborts at its time and leaves no timer', async (t) => {
  const clock = new ManualClock()
  const work = withDeadline(clock, 100, undefined, async () => await never)
  const rejected = t.rejects(work, { code: 'deadline-exceeded' })
  await clock.advance(99)
  t.equal(clock.timers, 1)
  await clock.advance(1)
  await rejected
  t.equal(clock.timers, 0)
  t.equal(await withDeadline(clock, 100, undefined, async () => 7), 7)
  t.equal(clock.timers, 0)
})

t.test('a parent that aborts ends what is under way, with its reason', async (t) => {
  const clock = new ManualClock()
  const parent = new AbortController()
  const work = withDeadline(clock, 100, parent.signal, async () => await never)
  parent.abort(new PeerbinError('shutting-down'))
  await t.rejects(work, { code: 'shutting-down' })
  {
    using limit = deadline(clock, 100, parent.signal)
    t.ok(limit.signal.aborted)
  }
  await t.rejects(sleep(clock, 5, parent.signal), { code: 'shutting-down' })
  t.equal(clock.timers, 0)
})

t.test('a late rejection of what nobody waits for any more does not end the process', async (t) => {
  const gone = AbortSignal.abort()
  let unhandled = 0
  const count = (): number => unhandled++
  process.on('unhandledRejection', count)
  t.teardown(() => process.off('unhandledRejection', count))
  const late = Promise.withResolvers<never>()
  await t.rejects(abortable(late.promise, gone), { code: 'aborted' })
  const stop = new AbortController()
  const other = Promise.withResolvers<never>()
  const waiting = abortable(other.promise, stop.signal)
  stop.abort()
  await t.rejects(waiting, { code: 'aborted' })
  late.reject(new Error('too late'))
  other.reject(new Error('too late'))
  await settle()
  t.equal(unhandled, 0)
})

t.test('sleeping ends at its time or at the signal', async (t) => {
  const clock = new ManualClock()
  let awake = false
  const sleeping = sleep(clock, 50).then(() => (awake = true))
  await clock.advance(49)
  t.notOk(awake)
  await clock.advance(1)
  await sleeping
  const stop = new AbortController()
  const cut = sleep(clock, 50, stop.signal)
  stop.abort()
  await t.rejects(cut, { code: 'aborted' })
  t.equal(clock.timers, 0)
})

t.test('a scope aborts with its parent, or alone', async (t) => {
  const parent = new AbortController()
  using alone = abortScope(parent.signal)
  alone.abort(new PeerbinError('busy'))
  t.notOk(parent.signal.aborted)
  using child = abortScope(parent.signal)
  {
    using _left = abortScope(parent.signal)
  }
  parent.abort(new PeerbinError('shutting-down'))
  t.match(child.signal.reason, { code: 'shutting-down' })
  t.match(alone.signal.reason, { code: 'busy' })
  t.ok(abortScope(parent.signal).signal.aborted)
})
