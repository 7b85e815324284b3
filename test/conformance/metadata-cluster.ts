import type { Test } from 'tap'
import type { Term } from '../../src/types.ts'
import type { MakeStore } from './metadata-fixture.ts'
import { node, peer } from './metadata-fixture.ts'

export async function testCluster(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a term is greater than every one before and than what is asked for', async (t) => {
    const store = await makeStore(t)
    t.equal(await store.advanceTerm(0 as Term), 1)
    t.equal(await store.advanceTerm(0 as Term), 2)
    t.equal(await store.advanceTerm(40 as Term), 41)
    t.equal(await store.advanceTerm(7 as Term), 42)
  })

  await t.test('simultaneous leaders get different terms', async (t) => {
    const store = await makeStore(t)
    const terms = await Promise.all(Array.from({ length: 32 }, () => store.advanceTerm(0 as Term)))
    t.equal(new Set(terms).size, 32)
  })

  await t.test('the time mark never runs backwards', async (t) => {
    const store = await makeStore(t)
    t.equal(await store.advanceTime(1000), 1000)
    t.equal(await store.advanceTime(400), 1000)
    t.equal(await store.advanceTime(1001), 1001)
  })

  await t.test('nodes are recorded as they said last, in order of boot and sequence', async (t) => {
    const store = await makeStore(t)
    const before = node(1, { boot: 3, sequence: 7, freeBytes: 500 })
    await store.recordNodes([node(2), before])
    await store.recordNodes([
      node(1, { boot: 3, sequence: 6, freeBytes: 1 }),
      node(1, { boot: 2, sequence: 9, freeBytes: 2 }),
      node(1, { boot: 3, sequence: 7, freeBytes: 3 })
    ])
    t.strictSame(await store.listNodes(), [before, node(2)], 'older and equal ones change nothing')
    const restarted = node(1, { boot: 4, sequence: 1, state: 'draining', tier: 'cold', zone: 'cellar' })
    await store.recordNodes([restarted])
    await store.recordNodes([restarted])
    t.strictSame((await store.listNodes())[0], restarted)
    t.strictSame(
      (await store.listNodes()).map((each) => each.peer),
      [peer(1), peer(2)]
    )
  })
}
