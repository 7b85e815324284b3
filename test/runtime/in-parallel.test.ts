import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { inParallel } from '../../src/runtime/in-parallel.ts'

t.test('results come in the order of the items, and never more than the limit run at once', async (t) => {
  let running = 0
  let most = 0
  const results = await inParallel([5, 1, 4, 2, 3], 2, async (turns) => {
    most = Math.max(most, ++running)
    for (let turn = 0; turn < turns; turn++) await setImmediate()
    running--
    return turns * 10
  })
  t.same(results, [50, 10, 40, 20, 30])
  t.equal(most, 2)
})

t.test('the first error ends it once what is under way has ended', async (t) => {
  const ended: number[] = []
  const work = async (item: number): Promise<void> => {
    await setImmediate()
    if (item === 1) throw new Error('one')
    await setImmediate()
    ended.push(item)
  }
  await t.rejects(inParallel([1, 2, 3, 4, 5, 6], 2, work), { message: 'one' })
  t.same(ended, [2])
})

t.test('no items are no work', async (t) => {
  t.same(await inParallel([], 3, async () => 1), [])
})
