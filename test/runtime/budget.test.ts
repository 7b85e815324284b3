import fc from 'fast-check'
import t from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import { Budget } from '../../src/runtime/budget.ts'
import type { Lease } from '../../src/runtime/budget.ts'

t.test('whoever comes first gets first, also when a smaller share would fit', async (t) => {
  const budget = new Budget(10, 10)
  const first = await budget.acquire(8)
  const order: string[] = []
  const large = budget.acquire(5).then((lease) => (order.push('large'), lease))
  const small = budget.acquire(1).then((lease) => (order.push('small'), lease))
  t.equal(budget.tryAcquire(1), undefined, 'nobody overtakes those who wait')
  first.release()
  const leases = await Promise.all([large, small])
  t.same(order, ['large', 'small'])
  for (const lease of leases) lease.release()
  t.equal(budget.used, 0)
  t.equal(budget.peak, 8)
})

t.test('giving back twice counts once', async (t) => {
  const budget = new Budget(2, 1)
  const lease = await budget.acquire(1)
  const other = await budget.acquire(1)
  lease.release()
  lease.release()
  t.equal(budget.used, 1)
  other.release()
})

t.test('too many who wait, and what can never fit, are turned away', async (t) => {
  const budget = new Budget(1, 1)
  const lease = await budget.acquire(1)
  const waiting = budget.acquire(1)
  await t.rejects(budget.acquire(1), { code: 'busy' })
  await t.rejects(budget.acquire(2), { code: 'busy' })
  lease.release()
  ;(await waiting).release()
})

t.test('who gives up lets those behind pass', async (t) => {
  const budget = new Budget(4, 10)
  const lease = await budget.acquire(2)
  const impatient = new AbortController()
  const large = budget.acquire(4, impatient.signal)
  const small = budget.acquire(2)
  impatient.abort(new PeerbinError('deadline-exceeded'))
  await t.rejects(large, { code: 'deadline-exceeded' })
  ;(await small).release()
  lease.release()
  await t.rejects(budget.acquire(1, impatient.signal), { code: 'deadline-exceeded' })
  t.equal(budget.used, 0)
  t.equal(budget.waiting, 0)
})

t.test('no order of taking, giving back and giving up passes the total or loses a share', async () => {
  const step = fc.record({ kind: fc.constantFrom('take', 'try', 'give', 'abort'), number: fc.nat(9) })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const budget = new Budget(10, 5)
      const held: Lease[] = []
      const waiting: AbortController[] = []
      const asked: Array<Promise<unknown>> = []
      for (const { kind, number } of steps) {
        if (kind === 'take') {
          const stop = new AbortController()
          waiting.push(stop)
          asked.push(
            budget.acquire(number + 1, stop.signal).then(
              (lease) => held.push(lease),
              () => undefined
            )
          )
        } else if (kind === 'try') {
          const lease = budget.tryAcquire(number + 1)
          if (lease !== undefined) held.push(lease)
        } else if (kind === 'give') held.splice(number % (held.length || 1), 1)[0]?.release()
        else waiting[number % (waiting.length || 1)]?.abort()
        if (budget.used > budget.total) throw new Error('passed the total')
        await Promise.resolve()
      }
      for (const stop of waiting) stop.abort()
      await Promise.all(asked)
      const sum = held.reduce((total, lease) => total + lease.amount, 0)
      if (sum !== budget.used) throw new Error(`${sum} held, ${budget.used} counted`)
      for (const lease of held) lease.release()
      if (budget.used !== 0 || budget.waiting !== 0) throw new Error('something was lost')
    })
  )
})

t.test(
  'what is offered is called for when somebody waits, the oldest offer first, and no more than are needed',
  async (t) => {
    const budget = new Budget(3, 10)
    const leases = await Promise.all([1, 2, 3].map(() => budget.acquire(1)))
    const called: number[] = []
    for (const [i, lease] of leases.entries()) {
      lease.offer(() => {
        called.push(i)
      })
    }
    t.same(called, [], 'while nobody waits they stay')
    const waiting = budget.acquire(1)
    t.same(called, [0])
    const more = budget.acquire(1)
    t.same(called, [0, 1])
    leases[2]?.keep()
    const last = budget.acquire(1)
    t.same(called, [0, 1], 'what was taken back is not called for')
    leases[2]?.offer(() => called.push(2))
    t.same(called, [0, 1, 2], 'what is offered while somebody waits is called for at once')
    for (const lease of leases) lease.release()
    for (const lease of await Promise.all([waiting, more, last])) lease.release()
    t.same([budget.used, budget.waiting], [0, 0])
  }
)

t.test('an offer may be given back in the call itself', async (t) => {
  const budget = new Budget(2, 10)
  for (let i = 0; i < 2; i++) {
    const lease = await budget.acquire(1)
    lease.offer(() => lease.release())
  }
  const large = await budget.acquire(2)
  t.equal(budget.used, 2)
  large.release()
  t.equal(budget.used, 0)
})

t.test('those that held others up have one turn in four, and are not forgotten', async (t) => {
  const budget = new Budget(1, 100)
  const first = await budget.acquire(1)
  const order: string[] = []
  const turn = (name: string, late: boolean) =>
    budget.acquire(1, undefined, late).then((lease) => {
      order.push(name)
      lease.release()
    })
  const all = [
    ...[1, 2, 3].map(() => turn('late', true)),
    ...Array.from({ length: 8 }, () => turn('prompt', false))
  ]
  first.release()
  await Promise.all(all)
  t.same(order, [
    'prompt',
    'prompt',
    'prompt',
    'late',
    'prompt',
    'prompt',
    'prompt',
    'late',
    'prompt',
    'prompt',
    'late'
  ])
})
