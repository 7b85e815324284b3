import t, { type Test } from 'tap'
import { setTimeout as pause } from 'node:timers/promises'
import { PeerbinError } from '../../src/errors.ts'
import { until } from '../kit/until.ts'
import { GatedStore, HastyStore } from './gated-store.ts'
import { atRest, holds, start, startGated } from './node-cluster.ts'
import { putChunk, someChunk } from './put-chunk.ts'

/** Long enough for an answer that does not wait for the disk to arrive, on a busy machine too; only a fault makes this test wait in vain. */
const GRACE_MS = 300

/** Whether a cluster on these stores answered or reported anything while none of them had settled. */
async function acknowledgesEarly(t: Test, stores: GatedStore[]): Promise<boolean> {
  const cluster = await start(t, {
    nodes: stores.length,
    storeOf: (index) => stores[index] ?? new GatedStore()
  })
  const edge = await cluster.client()
  for (const store of stores) store.shut()
  let answered = false
  const put = putChunk(edge, cluster.node(0), someChunk(), { targets: cluster.targets(1, 2) })
  const answer = put.then(() => {
    answered = true
  })
  await until('all stores have the bytes', () => stores.every((store) => store.held === 1))
  await pause(GRACE_MS)
  const early = answered || cluster.recording.receipts.length > 0
  for (const store of stores) store.letThrough()
  await answer
  return early
}

t.test('nothing is acknowledged before a store has settled, and a store that lies is noticed', async (t) => {
  t.equal(await acknowledgesEarly(t, [new GatedStore(), new GatedStore(), new GatedStore()]), false)
  const planted = [new HastyStore(), new HastyStore(), new HastyStore()]
  t.equal(await acknowledgesEarly(t, planted), true, 'the check can fail')
})

t.test(
  'the answer goes out with the second receipt, and each is reported when its store has settled',
  async (t) => {
    const { cluster, store } = await startGated(t)
    const edge = await cluster.client()
    const chunk = someChunk()
    for (const index of [0, 1, 2]) store(index).shut()
    let answered = false
    const put = putChunk(edge, cluster.node(0), chunk, { targets: cluster.targets(1, 2) }).then((answer) => {
      answered = true
      return answer
    })
    await until('all stores have the bytes', () => [0, 1, 2].every((index) => store(index).held === 1))
    store(1).letThrough()
    await until('the receipt of one is reported', () => cluster.recording.receiptsOf(chunk.id).length === 1)
    await pause(GRACE_MS)
    t.equal(answered, false, 'one durable copy is not enough')
    t.equal(cluster.recording.receipts[0]?.peer, cluster.node(1).peer)
    store(0).letThrough()
    const answer = await put
    t.same(
      answer.receipts.map((receipt) => receipt.peer),
      [cluster.node(1).peer, cluster.node(0).peer]
    )
    t.equal(answer.owed, 1)
    store(2).letThrough()
    await until('the third is reported', () => cluster.recording.receiptsOf(chunk.id).length === 3)
  }
)

t.test('a requester that vanishes in the middle of the body leaves nothing', async (t) => {
  const cluster = await start(t)
  const edge = await cluster.client()
  const chunk = someChunk(4 * 1024 * 1024)
  const halfSent = Promise.withResolvers<void>()
  async function* half(): AsyncGenerator<Uint8Array> {
    yield chunk.bytes.subarray(0, 2 * 1024 * 1024)
    halfSent.resolve()
    await new Promise(() => {})
  }
  const put = putChunk(edge, cluster.node(0), chunk, { targets: cluster.targets(1, 2), pieces: half() })
  put.catch(() => undefined) // asserted below, after the network was taken away
  await halfSent.promise
  await until('peers are receiving', () =>
    [1, 2].every((index) => cluster.node(index).node.activity.receiving === 1)
  )
  await edge.network.stop()
  await t.rejects(put)
  await atRest(cluster)
  for (const node of cluster.nodes) t.notOk(await holds(node, chunk))
  t.equal(cluster.recording.receipts.length, 0)
  t.equal(cluster.node(0).node.activity.buffersKept, 0, 'memory that a stream may refer to is not used again')
})

t.test('memory into which a body was cut off is not used again', async (t) => {
  const cluster = await start(t, { nodes: 1 })
  const edge = await cluster.client()
  const chunk = someChunk(4 * 1024 * 1024)
  const single = { copies: 1, copiesMin: 1, hostsMin: 1 }
  async function* half(): AsyncGenerator<Uint8Array> {
    yield chunk.bytes.subarray(0, 2 * 1024 * 1024)
    throw new PeerbinError('upload-incomplete')
  }
  await t.rejects(putChunk(edge, cluster.node(0), chunk, { ...single, pieces: half() }))
  await atRest(cluster)
  t.equal(cluster.node(0).node.activity.buffersKept, 0)
  await putChunk(edge, cluster.node(0), chunk, single)
  await atRest(cluster)
  t.equal(cluster.node(0).node.activity.buffersKept, 1)
})

t.test('a requester that vanishes after the answer costs no copy and no report', async (t) => {
  const { cluster, store } = await startGated(t)
  const edge = await cluster.client()
  const chunk = someChunk()
  store(2).shut()
  const answer = await putChunk(edge, cluster.node(0), chunk, { targets: cluster.targets(1, 2) })
  t.equal(answer.owed, 1)
  await cluster.remove(edge)
  store(2).letThrough()
  await until('three receipts are reported', () => cluster.recording.receiptsOf(chunk.id).length === 3)
  await atRest(cluster)
})

t.test('a requester that vanishes between body and answer costs no copy and no report either', async (t) => {
  const { cluster, store } = await startGated(t)
  const edge = await cluster.client()
  const chunk = someChunk()
  for (const index of [0, 1, 2]) store(index).shut()
  const put = putChunk(edge, cluster.node(0), chunk, { targets: cluster.targets(1, 2) })
  put.catch(() => undefined) // nobody is left to be told
  await until('all stores have the bytes', () => [0, 1, 2].every((index) => store(index).held === 1))
  await edge.network.stop()
  for (const index of [0, 1, 2]) store(index).letThrough()
  await until('three receipts are reported', () => cluster.recording.receiptsOf(chunk.id).length === 3)
  await atRest(cluster)
})

t.test('a copy is reported also when the node that passed it on is lost', async (t) => {
  const { cluster, store } = await startGated(t)
  const edge = await cluster.client()
  const chunk = someChunk()
  for (const index of [1, 2]) store(index).shut()
  const first = cluster.node(0)
  const put = putChunk(edge, first, chunk, { targets: cluster.targets(1, 2) })
  put.catch(() => undefined) // the node is lost before it can answer
  await until('its peers have the bytes', () => [1, 2].every((index) => store(index).held === 1))
  const others = [...first.membership.all()].filter(({ peer }) => peer !== first.peer)
  for (const { peer } of others) cluster.hub.cut(first.peer, peer)
  for (const index of [1, 2]) store(index).letThrough()
  // its own copy the first one may have reported before it was lost
  const reported = (): number[] =>
    [1, 2].filter((index) =>
      cluster.recording.receiptsOf(chunk.id).some(({ peer }) => peer === cluster.node(index).peer)
    )
  await until('both are reported', () => reported().length === 2)
  t.same(reported(), [1, 2])
})

t.test('receipts wait for a controller that is away', async (t) => {
  const cluster = await start(t)
  const edge = await cluster.client()
  const chunk = someChunk()
  cluster.recording.refusal = new PeerbinError('shutting-down')
  await putChunk(edge, cluster.node(0), chunk, { targets: cluster.targets(1, 2) })
  await until('it was tried', () => cluster.recording.reports > 0)
  t.equal(cluster.recording.receipts.length, 0)
  cluster.recording.refusal = undefined
  await until('three receipts are reported', () => cluster.recording.receiptsOf(chunk.id).length === 3)
})

t.test('many puts at once stay within the memory they were given, and all succeed', async (t) => {
  const cluster = await start(t, { config: { node: { putsMax: 2, replicasMax: 3, waitersMax: 200 } } })
  const edge = await cluster.client()
  const chunks = Array.from({ length: 40 }, () => someChunk(1024 * 1024))
  await Promise.all(
    chunks.map(async (chunk, i) => {
      const targets = cluster.targets((i + 1) % 3, (i + 2) % 3)
      await putChunk(edge, cluster.node(i % 3), chunk, { targets, timeoutMs: 60_000 })
    })
  )
  await until('all copies are reported', () => cluster.recording.receipts.length === 120)
  await atRest(cluster)
  for (const { node } of cluster.nodes) {
    t.ok(node.activity.buffersPeak <= 5, `${node.activity.buffersPeak} chunks in memory at most`)
    t.ok(node.activity.buffersKept <= 2)
  }
})

t.test('chunks that wait for the disk hold no more memory than there are places', async (t) => {
  const { cluster, store } = await startGated(t, { nodes: 1, config: { node: { putsMax: 2 } } })
  const edge = await cluster.client()
  const { activity } = cluster.node(0).node
  t.equal(activity.buffersPeak, 0)
  store(0).shut()
  const single = { copies: 1, copiesMin: 1, hostsMin: 1, timeoutMs: 60_000 }
  const puts = Array.from({ length: 20 }, () => putChunk(edge, cluster.node(0), someChunk(), single))
  await until('the places are taken', () => store(0).held === 2)
  await pause(GRACE_MS)
  store(0).letThrough()
  await Promise.all(puts)
  t.equal(cluster.node(0).node.activity.buffersPeak, 2)
})

t.test('copies that complete behind hold no more memory than there are places', async (t) => {
  const config = { node: { putsMax: 2, replicasMax: 3 } }
  const { cluster, store } = await startGated(t, { config })
  const edge = await cluster.client()
  for (const index of [1, 2]) store(index).shut()
  const early = { copies: 3, copiesMin: 1, hostsMin: 1, targets: cluster.targets(1, 2), timeoutMs: 60_000 }
  const puts = Array.from({ length: 20 }, () => putChunk(edge, cluster.node(0), someChunk(), early))
  await Promise.any(puts)
  await pause(GRACE_MS)
  for (const index of [1, 2]) store(index).letThrough()
  await Promise.all(puts)
  await until('all copies are reported', () => cluster.recording.receipts.length === 60)
  t.ok(cluster.node(0).node.activity.buffersPeak <= 5)
})

t.test('more requests than may wait are turned away', async (t) => {
  const { cluster, store } = await startGated(t, {
    nodes: 1,
    config: { node: { putsMax: 1, waitersMax: 1 } }
  })
  const edge = await cluster.client()
  store(0).shut()
  const single = { copies: 1, copiesMin: 1, hostsMin: 1 }
  const puts = [1, 2].map(async () => await putChunk(edge, cluster.node(0), someChunk(), single))
  await until('one is being stored', () => store(0).held === 1)
  // of this one and the second above, whichever comes later finds the queue full
  const third = putChunk(edge, cluster.node(0), someChunk(), single)
  const refused = Promise.any(
    [...puts, third].map(async (put) => {
      const error: unknown = await put.then(
        () => undefined,
        (reason: unknown) => reason
      )
      if (error === undefined) throw new Error('this one was taken')
      return error
    })
  )
  t.match(await refused, { code: 'busy' })
  store(0).letThrough()
  const outcomes = await Promise.allSettled([...puts, third])
  t.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 2)
})
