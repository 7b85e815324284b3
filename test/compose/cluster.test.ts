import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { createClient, createCluster, createController, createEdge, createNode } from '../../src/index.ts'
import { testFolder } from '../kit/test-folder.ts'

t.test(
  'a cluster in memory stores a file, hands it out once, and stops without leaving anything',
  async (t) => {
    const cluster = await createCluster({ edges: 1, config: { edge: { port: 0 } } })
    t.teardown(() => cluster.stop())
    await cluster.start()
    const bytes = randomBytes(9_000_000)
    const share = await cluster.upload(bytes, {
      name: 'nine.bin',
      metadata: { colour: 'blue' },
      downloads: 2
    })
    t.match(share.file, {
      name: 'nine.bin',
      sizeBytes: 9_000_000,
      chunkCount: 3,
      metadata: { colour: 'blue' }
    })
    const answer = await fetch(share.directUrl ?? '')
    t.ok(bytes.equals(Buffer.from(await answer.arrayBuffer())), 'over HTTP')
    const download = await cluster.download(share.url ?? '')
    t.ok(bytes.equals(await download.buffer()), 'and without')
    await t.rejects(cluster.download(share.token), { code: 'link-used' })
    await t.rejects(cluster.download('AbCdEfGhIjKlMnOpQrStUvWx'), { code: 'link-unknown' })
    await t.rejects(cluster.upload(new Uint8Array(0), { name: 'x' }), { code: 'empty-file' })
    await t.rejects(cluster.upload(randomBytes(10 * 1024 * 1024 + 1), { name: 'x' }), { code: 'too-large' })
    const status = await cluster.controller.status()
    t.match(status, { files: 1, nodes: { length: 3 } })
  }
)

for (const network of ['memory', 'libp2p'] as const) {
  t.test(`a cluster on disk, ${network}, goes on with what was stored`, async (t) => {
    const data = join(testFolder(t), 'cluster')
    const bytes = randomBytes(100_000)
    const first = await createCluster({ data, network, nodes: 2 })
    t.teardown(() => first.stop())
    await first.start()
    const share = await first.upload(bytes, { name: 'kept.bin' })
    await t.rejects(
      createCluster({ data, network, nodes: 2 }),
      { code: 'data-in-use' },
      'one program has it to itself'
    )
    await first.stop()
    const second = await createCluster({ data, network, nodes: 2 })
    t.teardown(() => second.stop())
    await second.start()
    t.equal(second.controller.peerId, first.controller.peerId)
    const download = await second.download(share.token)
    t.ok(bytes.equals(await download.buffer()))
  })
}

t.test('a cluster that cannot become ready says so, and is stopped', async (t) => {
  const cluster = await createCluster({ nodes: 1, readyMs: 50 })
  await t.rejects(cluster.start(), { code: 'not-enough-nodes' })
})

t.test('a role that belongs to no cluster is not made', async (t) => {
  for (const create of [createNode, createEdge, createClient])
    await t.rejects(create({ data: testFolder(t) }), { code: 'join-string-invalid' })
  const data = testFolder(t)
  const controller = await createController({ data })
  t.match(controller.joinString, /^peerbin1_/, 'a controller founds one')
  await controller.stop()
  const again = await createController({ data })
  t.equal(again.joinString, controller.joinString, 'once')
  await again.stop()
})

t.test('settings come from config.json in the data folder, and the caller’s win', async (t) => {
  const { joinString } = await createController()
  const data = testFolder(t, {
    right: { 'config.json': '{"edge": {"port": 1}}' },
    wrong: { 'config.json': '{"edgy": 1}' }
  })
  const edge = await createEdge({
    data: join(data, 'right'),
    join: joinString,
    config: { edge: { port: 0 } }
  })
  await edge.start()
  t.teardown(() => edge.stop())
  t.match(edge.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  await t.rejects(createEdge({ data: join(data, 'wrong'), join: joinString }), {
    code: 'config-invalid',
    message: /config\.json/
  })
})
