import t from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import { until } from '../kit/until.ts'
import { atRest, holds, start, startGated } from './node-cluster.ts'
import { generation, putChunk, someChunk } from './put-chunk.ts'

t.test('a chunk comes to be on three nodes, and each copy is reported', async (t) => {
  const cluster = await start(t)
  const edge = await cluster.client()
  const chunk = someChunk(4 * 1024 * 1024)
  const answer = await putChunk(edge, cluster.node(0), chunk, { targets: cluster.targets(1, 2) })
  t.ok(answer.receipts.length >= 2)
  t.equal(answer.owed, 3 - answer.receipts.length)
  t.ok(new Set(answer.receipts.map((receipt) => receipt.host)).size >= 2, 'on two hosts at least')
  await until('three receipts are reported', () => cluster.recording.receiptsOf(chunk.id).length === 3)
  for (const node of cluster.nodes) {
    t.same(Buffer.from(await node.store.get(chunk.id)), Buffer.from(chunk.bytes))
    const receipt = cluster.recording.receiptsOf(chunk.id).find((each) => each.peer === node.peer)
    t.match(receipt, { host: node.host, generation: 1, boot: node.announcer.boot })
  }
  await atRest(cluster)
  t.ok(cluster.node(0).node.activity.buffersKept >= 1, 'its memory is used again')
})

t.test('a chunk that is there already is taken again, and its generation is raised', async (t) => {
  const cluster = await start(t)
  const edge = await cluster.client()
  const chunk = someChunk()
  const targets = cluster.targets(1, 2)
  for (const value of [5, 4, 7]) {
    const answer = await putChunk(edge, cluster.node(0), chunk, { targets, generation: generation(value) })
    t.ok(answer.receipts.every((receipt) => receipt.generation === value))
    const stored = await cluster.node(0).store.stat(chunk.id)
    t.equal(stored?.generation, Math.max(5, value))
  }
})

t.test('a peer that fails is tried once more, then the next takes its place', async (t) => {
  const cluster = await start(t)
  let asked = 0
  const bad = await cluster.addImpostor({
    put: async () => {
      asked++
      throw new PeerbinError('internal')
    }
  })
  const edge = await cluster.client()
  const chunk = someChunk()
  const targets = [{ peer: bad.peer, host: bad.host }, ...cluster.targets(1, 2)]
  await putChunk(edge, cluster.node(0), chunk, { targets })
  await until('three receipts are reported', () => cluster.recording.receiptsOf(chunk.id).length === 3)
  t.equal(asked, 2)
  for (const node of cluster.nodes) t.ok(await holds(node, chunk))
})

t.test('after three attempts a copy is given up, whatever targets are left', async (t) => {
  const cluster = await start(t, { nodes: 1 })
  let asked = 0
  const put = async (): Promise<never> => {
    asked++
    throw new PeerbinError('internal')
  }
  const bad = [await cluster.addImpostor({ put }, 'bad-1'), await cluster.addImpostor({ put }, 'bad-2')]
  bad.push(await cluster.addImpostor({ put }, 'bad-3'))
  const edge = await cluster.client()
  const targets = bad.map(({ peer, host }) => ({ peer, host }))
  await t.rejects(putChunk(edge, cluster.node(0), someChunk(), { copies: 2, targets }), {
    code: 'copies-missing'
  })
  t.equal(asked, 3)
  await atRest(cluster)
})

t.test('a peer that is full is left at once', async (t) => {
  const cluster = await start(t)
  let asked = 0
  const bad = await cluster.addImpostor({
    put: async () => {
      asked++
      throw new PeerbinError('store-full')
    }
  })
  const edge = await cluster.client()
  const chunk = someChunk()
  const targets = [{ peer: bad.peer, host: bad.host }, ...cluster.targets(1)]
  await putChunk(edge, cluster.node(0), chunk, { copies: 2, targets })
  t.equal(asked, 1)
  t.ok(await holds(cluster.node(1), chunk))
})

t.test(
  'a peer that hangs is left after its time, and does not hold up the answer while others serve',
  async (t) => {
    const cluster = await start(t, { config: { replication: { putTimeoutMs: 1000 } } })
    let asked = 0
    const hanging = await cluster.addImpostor({
      put: async ({ signal }) => {
        asked++
        return await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new PeerbinError('aborted')))
        })
      }
    })
    const edge = await cluster.client()
    const chunk = someChunk()
    const targets = [{ peer: hanging.peer, host: hanging.host }, ...cluster.targets(1, 2)]
    const answer = await putChunk(edge, cluster.node(0), chunk, { targets })
    t.equal(asked, 1, 'the answer came while the first attempt was still hanging')
    t.equal(answer.owed, 1)
    await until('three receipts are reported', () => cluster.recording.receiptsOf(chunk.id).length === 3)
    t.equal(asked, 2)
  }
)

t.test('a peer that hangs and gives no more heartbeats is left as soon as it is suspect', async (t) => {
  const cluster = await start(t, { config: { heartbeat: { suspectAfterMs: 1000 } } })
  let asked = 0
  const hanging = await cluster.addImpostor({
    put: async ({ signal }) => {
      asked++
      return await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new PeerbinError('aborted')))
      })
    }
  })
  const edge = await cluster.client()
  await hanging.announcer.stop()
  const chunk = someChunk()
  const targets = [{ peer: hanging.peer, host: hanging.host }, ...cluster.targets(1)]
  // less than putTimeoutMs: one attempt that ran into that would fail the put as a whole
  await putChunk(edge, cluster.node(0), chunk, { copies: 2, targets, timeoutMs: 15_000 })
  t.ok(asked <= 1)
  t.ok(await holds(cluster.node(1), chunk))
})

t.test('a peer that dies in the middle is replaced', async (t) => {
  const cluster = await start(t)
  const dying = await cluster.addImpostor({
    put: async ({ body }) => {
      await body?.readInto(new Uint8Array(body.sizeBytes), () => void dying.network.stop())
      return await new Promise(() => {})
    }
  })
  const edge = await cluster.client()
  const chunk = someChunk(4 * 1024 * 1024)
  const targets = [{ peer: dying.peer, host: dying.host }, ...cluster.targets(1, 2)]
  await putChunk(edge, cluster.node(0), chunk, { targets })
  await until('three receipts are reported', () => cluster.recording.receiptsOf(chunk.id).length === 3)
  await atRest(cluster)
})

t.test('bytes that are not what the id says are stored nowhere', async (t) => {
  const cluster = await start(t)
  const edge = await cluster.client()
  const chunk = someChunk()
  const wrong = Uint8Array.from(chunk.bytes)
  wrong[9] = (wrong[9] ?? 0) ^ 1
  const targets = cluster.targets(1, 2)
  await t.rejects(putChunk(edge, cluster.node(0), chunk, { targets, pieces: [wrong] }), {
    code: 'chunk-corrupt'
  })
  await atRest(cluster)
  for (const node of cluster.nodes) t.notOk(await holds(node, chunk))
  const right = someChunk()
  await putChunk(edge, cluster.node(0), right, { targets })
  await until('the right one is reported', () => cluster.recording.receiptsOf(right.id).length === 3)
  t.equal(cluster.recording.receiptsOf(chunk.id).length, 0)
})

t.test('wrong bytes are found out also where the own store refuses without looking at them', async (t) => {
  const { cluster, store } = await startGated(t)
  const edge = await cluster.client()
  const chunk = someChunk()
  store(0).failing.put = new PeerbinError('store-full')
  const pieces = [Uint8Array.from(chunk.bytes).fill(0)]
  const put = putChunk(edge, cluster.node(0), chunk, { targets: cluster.targets(1, 2), pieces })
  await t.rejects(put, { code: 'chunk-corrupt' })
})

t.test('wrong bytes that peers refuse are not offered to others while the own disk hangs', async (t) => {
  const { cluster, store } = await startGated(t)
  const edge = await cluster.client()
  const chunk = someChunk()
  store(0).holdsFirst = true
  store(0).shut()
  const pieces = [Uint8Array.from(chunk.bytes).fill(0)]
  const put = putChunk(edge, cluster.node(0), chunk, { targets: cluster.targets(1, 2), pieces })
  await t.rejects(put, { code: 'chunk-corrupt' })
  store(0).letThrough()
  await atRest(cluster)
})

t.test('with two nodes a chunk is taken and a third copy is owed, with one it is not taken', async (t) => {
  const cluster = await start(t, { nodes: 2 })
  const edge = await cluster.client()
  const chunk = someChunk()
  const answer = await putChunk(edge, cluster.node(0), chunk, { targets: cluster.targets(1) })
  t.equal(answer.receipts.length, 2)
  t.equal(answer.owed, 1)
  await t.rejects(putChunk(edge, cluster.node(0), someChunk(), { targets: [] }), { code: 'copies-missing' })
  const targets = [{ peer: cluster.node(1).peer, host: cluster.node(0).host }]
  await t.resolves(
    putChunk(edge, cluster.node(0), someChunk(), { targets }),
    'what counts is who gave the receipt'
  )
})

t.test('two copies on one host are not enough where two hosts are asked for', async (t) => {
  const cluster = await start(t, { nodes: 2, hostOf: () => 'one-host' })
  const edge = await cluster.client()
  const targets = cluster.targets(1)
  await t.rejects(putChunk(edge, cluster.node(0), someChunk(), { targets }), { code: 'copies-missing' })
  await t.resolves(putChunk(edge, cluster.node(0), someChunk(), { targets, hostsMin: 1 }))
})

t.test('a node whose own store fails succeeds when two peers store the chunk', async (t) => {
  const { cluster, store } = await startGated(t)
  const edge = await cluster.client()
  const chunk = someChunk()
  store(0).failing.put = new PeerbinError('store-full')
  const answer = await putChunk(edge, cluster.node(0), chunk, { targets: cluster.targets(1, 2) })
  t.same(
    answer.receipts.map((receipt) => receipt.peer).toSorted(),
    [cluster.node(1).peer, cluster.node(2).peer].toSorted()
  )
  await t.rejects(putChunk(edge, cluster.node(0), chunk, { copies: 1, copiesMin: 1, hostsMin: 1 }), {
    code: 'store-full'
  })
})
