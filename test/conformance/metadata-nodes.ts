import type { Test } from 'tap'
import type { MetadataStore } from '../../src/metadata-store.ts'
import type { Generation, Term } from '../../src/types.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  START,
  addFile,
  chunk,
  generation,
  node,
  openUpload,
  peer,
  receipt,
  reserve,
  revoke,
  settleAll
} from './metadata-fixture.ts'

export async function testNodes(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('counters are lifted, and never go down', async (t) => {
    const store = await makeStore(t)
    t.equal(await store.lastGeneration(), 0)
    await store.raiseCounters({ term: 40 as Term, generation: 70 as Generation })
    await store.raiseCounters({ term: 3 as Term, generation: 2 as Generation })
    t.equal(await store.lastGeneration(), 70)
    t.equal(await store.advanceTerm(0 as Term), 41)
    const upload = await openUpload(store, 'a')
    t.equal(await reserve(store, upload, 0, chunk('x')), 71)
    t.equal(await store.lastGeneration(), 71)
  })

  await t.test('a setting stays until it is removed', async (t) => {
    const store = await makeStore(t)
    t.equal(await store.readSetting('collector.frozen'), null)
    await store.writeSetting('collector.frozen', 'recovered')
    await store.writeSetting('collector.frozen', 'by hand')
    await store.writeSetting('other', '')
    t.equal(await store.readSetting('collector.frozen'), 'by hand')
    t.equal(await store.readSetting('other'), '')
    await store.writeSetting('collector.frozen', null)
    await store.writeSetting('collector.frozen', null)
    t.equal(await store.readSetting('collector.frozen'), null)
  })

  await t.test('a decision to drain can be taken back, one to retire cannot', async (t) => {
    const store = await makeStore(t)
    await store.decideNode(peer(2), 'draining', START)
    await store.decideNode(peer(2), 'draining', START + 5)
    await store.decideNode(peer(1), 'draining', START)
    await store.decideNode(peer(1), null, START)
    await store.decideNode(peer(3), null, START)
    const draining = { peer: peer(2), decision: 'draining', decidedAt: START }
    t.strictSame(await store.listDecisions(), [draining], 'with the time it was first taken')
    await store.decideNode(peer(2), 'retired', START + 9)
    await store.decideNode(peer(2), 'retired', START + 10)
    await store.decideNode(peer(2), 'draining', START + 11)
    await store.decideNode(peer(2), null, START + 12)
    await store.decideNode(peer(1), 'retired', START + 13)
    t.strictSame(await store.listDecisions(), [
      { peer: peer(1), decision: 'retired', decidedAt: START + 13 },
      { peer: peer(2), decision: 'retired', decidedAt: START + 9 }
    ])
  })

  await t.test('what comes from a retired peer is ignored', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const g = await reserve(store, upload, 0, chunk('x'))
    await store.decideNode(peer(1), 'retired', START)
    await store.recordNodes([node(1), node(2)])
    t.strictSame(
      (await store.listNodes()).map((each) => each.peer),
      [peer(2)]
    )
    await store.recordReceipts([receipt(1, chunk('x'), g), receipt(2, chunk('x'), g)])
    const held = { boot: 1, inventory: START, held: [{ chunk: chunk('x'), generation: g }] }
    t.strictSame(await store.reconcileHeld({ peer: peer(1), host: 'host-1', ...held }), ['foreign'])
    const owed = await store.listOwed(3, undefined, 10)
    t.strictSame(
      owed[0]?.copies.map((copy) => copy.peer),
      [peer(2)]
    )
    await store.abandonUpload(upload)
    await store.condemnChunks(10)
    await store.recordReceipts([receipt(1, chunk('x'), g)])
    await store.orderStale(peer(1), [{ chunk: chunk('x'), generation: generation(0) }])
    t.strictSame(await store.listOrders(peer(1), 10), [], 'and it is ordered nothing')
  })

  await t.test('a draining peer is recorded as any other', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const g = await reserve(store, upload, 0, chunk('x'))
    await store.decideNode(peer(1), 'draining', START)
    await store.recordReceipts([receipt(1, chunk('x'), g)])
    t.equal((await store.listOwed(3, undefined, 10))[0]?.copies.length, 1)
  })

  await t.test('forgetting', (t) => testForgetting(t, makeStore))
}

/** Copies that count, orders and a quarantine of peer 1, and what others have of the same chunks. */
async function fill(store: MetadataStore): Promise<void> {
  await store.recordNodes([node(1), node(2)])
  await addFile(store, 'a', { chunks: ['x', 'y'], peers: [1, 2] })
  await addFile(store, 'b', { chunks: ['z'], peers: [1, 2] })
  await revoke(store, 'b')
  await settleAll(store, START)
  await store.condemnChunks(10)
  const held = [{ chunk: chunk('nobody knows'), generation: generation(1) }]
  for (const n of [1, 2])
    await store.reconcileHeld({ peer: peer(n), host: `host-${n}`, boot: 1, inventory: START, held })
}

async function testForgetting(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('everything of a retired peer goes, in steps, and nothing of others', async (t) => {
    const store = await makeStore(t)
    await fill(store)
    t.equal(await store.forgetNode(peer(1), 10), 0, 'not of one that was not retired')
    await store.decideNode(peer(1), 'draining', START)
    t.equal(await store.forgetNode(peer(1), 10), 0)
    await store.decideNode(peer(1), 'retired', START)
    t.equal(await store.forgetNode(peer(1), 0), 0)
    const steps: number[] = []
    for (let gone = -1; gone !== 0;) steps.push((gone = await store.forgetNode(peer(1), 3)))
    // its record; copies of three chunks and a manifest of a, z and the manifest of b; two orders; one in quarantine
    t.strictSame(steps, [3, 3, 3, 0])
    t.strictSame(
      (await store.listNodes()).map((each) => each.peer),
      [peer(2)]
    )
    t.strictSame(await store.listOrders(peer(1), 10), [])
    t.strictSame(await store.listCopies(peer(1), undefined, 10), [])
    t.equal((await store.listOrders(peer(2), 10)).length, 2)
    t.equal((await store.listCopies(peer(2), undefined, 10)).length, 5)
    const count = { inventory: START, seenBefore: START }
    t.match(await store.countUnknown({ peer: peer(1), ...count }), { total: 0 })
    t.match(await store.countUnknown({ peer: peer(2), ...count }), { total: 1 })
    t.equal((await store.stats(2)).chunksOwed, 3, 'what it held is owed')
    t.equal(await store.forgetNode(peer(9), 10), 0)
  })
}
