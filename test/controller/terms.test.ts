/** Restarts, rivals, and who may say what. */

import t from 'tap'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { randomUuid } from '../../src/runtime/random.ts'
import type { UploadId } from '../../src/types.ts'
import { overEachStore, startCluster } from './cluster.ts'

const mine = hashSecret('my claim')

overEachStore(
  t,
  'a controller that restarts keeps everything, and takes a higher term',
  async (t, makeStore) => {
    const cluster = await startCluster(t, { makeStore })
    const { world, controller, sender, nodes, gone } = cluster
    const { tokenHash, chunks, file, deleteHash } = await sender.send({ downloads: 2 })
    await sender.claim(tokenHash, mine)
    await world.pass(2000)
    const { term } = controller.controller
    t.equal(term, 1)
    const [first] = nodes
    if (first === undefined) return
    await world.stop(first) // one node is away over the restart
    nodes.shift()
    await world.stop(controller)
    await world.pass(15_000)

    const again = await world.addController(makeStore(), { peer: controller.peer })
    sender.controller = again
    t.equal(again.controller.term, 2)
    t.same(await again.controller.describe(), { term: 2, retired: [] })
    const status = await sender.call('status', {})
    t.match(status, { files: 1, term: 2 })
    t.match(
      status.nodes.find(({ peer }) => peer === first.peer),
      { host: first.host, liveness: 'down' },
      'the node that is away is known'
    )
    t.ok(again.membership.nodeHosts().has(first.host))
    t.match(
      await sender.call('findClaim', { tokenHash, claimHash: mine }),
      { outcome: 'claimed' },
      'its lease waited'
    )
    t.match(await sender.call('findLink', { tokenHash }), { found: { file, link: { claimed: 1 } } })
    await sender.call('revokeLink', { tokenHash, deleteHash })
    await gone(chunks)
  }
)

t.test('a controller with a higher term fences the older one', async (t) => {
  const cluster = await startCluster(t)
  const { world, controller, sender } = cluster
  const store = new MemoryMetadataStore()
  await store.open()
  await store.advanceTerm(controller.controller.term)
  const other = await world.addController(store)
  t.ok(other.controller.term > controller.controller.term)
  await world.pass(300)
  t.same(await controller.controller.describe(), { term: 0, retired: [] })
  await t.rejects(sender.call('status', {}), { code: 'no-controller' })
  sender.controller = other
  t.match(await sender.call('status', {}), { term: other.controller.term })
})

t.test('a controller whose order a node turns away stops leading', async (t) => {
  const cluster = await startCluster(t)
  const { world, controller, sender, copies } = cluster
  const sent = await sender.send()
  // a leader this controller never heard of has been here
  for (const node of cluster.nodes) {
    const order = {
      term: 9 as typeof controller.controller.term,
      orders: [{ chunk: sent.file.manifest, generation: 0 as never }]
    }
    await world.run(controller.chunkRpc.call(node.peer, 'delete', order, { timeoutMs: 5000 }))
  }
  await sender.call('revokeLink', sent)
  await world.until('it stopped leading', async () => (await controller.controller.describe()).term === 0)
  await world.pass(1000)
  for (const chunk of sent.chunks) t.equal(await copies(chunk), 3, 'and nothing was deleted on its order')
  await t.rejects(sender.call('findLink', { tokenHash: sent.tokenHash }), { code: 'no-controller' })
})

t.test('an upload is turned away while too few nodes take chunks', async (t) => {
  const { world, sender, nodes } = await startCluster(t, { hosts: ['h1', 'h2'] })
  await sender.open()
  const [first] = nodes
  if (first === undefined) return
  first.silent = true
  await world.pass(1500)
  const error = await sender.open().catch((caught: unknown) => caught)
  t.match(error, { code: 'not-enough-nodes', retryAfterMs: Number })
})

t.test(
  'a file whose copies are all on one machine is not committed where there are more, down ones included',
  async (t) => {
    const { world, sender, nodes } = await startCluster(t, { hosts: ['h1', 'h1', 'h2'] })
    const [, , elsewhere] = nodes
    if (elsewhere === undefined) return
    await world.stop(elsewhere)
    nodes.pop()
    await world.pass(4000)
    const upload = await sender.open()
    const pieces = [
      [0, 'content'],
      [-1, 'manifest']
    ] as const
    for (const [index, text] of pieces) {
      const { receipts } = await sender.place(upload, index, text, 1)
      await sender.call('recordReceipts', { receipts })
      const [, neighbour] = nodes
      const [receipt] = receipts
      if (neighbour === undefined || receipt === undefined) return
      const bytes = Buffer.from(text)
      const put = {
        id: receipt.chunk,
        generation: receipt.generation,
        copies: 1,
        copiesMin: 1,
        hostsMin: 1,
        targets: []
      }
      const body = { sizeBytes: bytes.byteLength, pieces: [bytes] }
      const { message } = await world.run(
        world.participants
          .find(({ role }) => role === 'edge')
          ?.chunkRpc.call(neighbour.peer, 'put', put, { timeoutMs: 5000, body }) ??
          Promise.reject(new Error('no edge'))
      )
      await sender.call('recordReceipts', { receipts: message.receipts })
    }
    const now = world.clock.now()
    const commit = sender.call('commitUpload', {
      upload,
      file: randomUuid(world.random) as never,
      sizeBytes: 7,
      sha256: '0'.repeat(64),
      chunkCount: 1,
      uploadedAt: now,
      link: { tokenHash: mine, deleteHash: mine, downloads: 1, expiresAt: now + 1000 }
    })
    await t.rejects(commit, { code: 'copies-missing' })
  }
)

t.test('only the roles of the policy are heard', async (t) => {
  const { world, controller, sender, nodes } = await startCluster(t)
  const { tokenHash } = await sender.send()
  const admin = await world.addCaller('admin')
  const [node] = nodes
  if (node === undefined) return
  t.match(await world.control(admin, controller, 'status', {}), { files: 1 })
  for (const caller of [admin, node]) {
    await t.rejects(world.control(caller, controller, 'claimLink', { tokenHash, claimHash: mine }), {
      code: 'role-forbidden'
    })
    await t.rejects(
      world.control(caller, controller, 'abandonUpload', { upload: randomUuid(world.random) as UploadId }),
      { code: 'role-forbidden' }
    )
  }
})

t.test('stopping gives back every timer and stream, and twice is once', async (t) => {
  const { world, controller } = await startCluster(t, { hosts: [] })
  await world.stop(controller)
  await controller.controller.stop()
  await t.rejects(controller.controller.start(), { code: 'shutting-down' })
  await t.rejects(controller.controller.status(), { code: 'shutting-down' })
  await world.pass(100)
  t.equal(world.clock.timers, 0)
})

t.test('a controller that cannot open its store says so, and leaves nothing open', async (t) => {
  let closed = 0
  const broken = Object.assign(new MemoryMetadataStore(), {
    advanceTerm: async (): Promise<never> => {
      throw new Error('disk')
    },
    close: async (): Promise<void> => {
      closed++
    }
  })
  const { world } = await startCluster(t, { hosts: [] })
  await t.rejects(world.addController(broken), { message: 'disk' })
  t.equal(closed, 1)
})
