import type { Test } from 'tap'
import type { MetadataStore, PlacedChunkRecord } from '../../src/metadata-store.ts'
import type { ChunkId } from '../../src/types.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  CHUNK_BYTES,
  START,
  addFile,
  byDigest,
  chunk,
  generation,
  openUpload,
  peer,
  receipt,
  reserve,
  revoke,
  settleAll
} from './metadata-fixture.ts'

export async function testRepair(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('chunks in pages', (t) => testChunks(t, makeStore))
  await t.test('trimming', (t) => testTrim(t, makeStore))
  await t.test('reading', (t) => testReads(t, makeStore))

  await t.test('a copy that was recorded in a later boot than the one asked is not dropped', async (t) => {
    const store = await makeStore(t)
    const x = await oneChunk(store, { 1: 5, 2: 5 })
    const lost = { peer: peer(1), chunk: x.chunk, generation: x.generation }
    await store.dropCopy({ ...lost, boot: 4 })
    t.strictSame(await holders(store), [1, 2])
    await store.dropCopy({ ...lost, boot: 5 })
    t.strictSame(await holders(store), [2])
    await store.dropCopy({ ...lost, peer: peer(2) })
    t.strictSame(await holders(store), [])
  })

  await t.test('a condemned chunk is forgotten with the last copy that is dropped', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const g = await reserve(store, upload, 0, chunk('x'))
    await store.recordReceipts([receipt(1, chunk('x'), g)])
    await store.abandonUpload(upload)
    await store.condemnChunks(10)
    await store.dropCopy({ peer: peer(1), chunk: chunk('x'), generation: g })
    t.strictSame(await store.listCopies(peer(1), undefined, 10), [])
    t.equal(
      (await store.listOrders(peer(1), 10)).length,
      1,
      'the order stays: the node may have it after all'
    )
    const again = await openUpload(store, 'b')
    t.ok((await reserve(store, again, 0, chunk('x'))) > g)
  })
}

/** One chunk in an open upload, with copies in these boots by peer. */
async function oneChunk(
  store: MetadataStore,
  boots: Record<number, number>
): Promise<{ chunk: ChunkId; generation: ReturnType<typeof generation> }> {
  const upload = await openUpload(store, 'a')
  const g = await reserve(store, upload, 0, chunk('x'))
  await store.recordReceipts(
    Object.entries(boots).map(([n, boot]) => receipt(Number(n), chunk('x'), g, boot))
  )
  return { chunk: chunk('x'), generation: g }
}

const holders = async (store: MetadataStore): Promise<number[]> =>
  ((await store.findChunk(chunk('x')))?.copies ?? []).map((copy) => Number(copy.host.replace('host-', '')))

async function testChunks(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('all live and referenced ones come, in order of digests', async (t) => {
    const store = await makeStore(t)
    await store.advanceTime(START)
    await addFile(store, 'a', { chunks: ['p', 'q', 'r', 'p'], peers: [1, 2, 3] })
    await addFile(store, 'b', { chunks: ['s'] })
    await addFile(store, 'c', { chunks: ['p', 'u'] })
    await revoke(store, 'c')
    await settleAll(store, START)
    const all = await store.listChunks(undefined, 100)
    t.equal(all.length, 6, 'four chunks, two manifests; u is not referenced any more')
    t.strictSame(all, all.toSorted(byDigest))
    const seen: PlacedChunkRecord[] = []
    for (let page: PlacedChunkRecord[] = []; ; seen.push(...page)) {
      page = await store.listChunks(seen.at(-1)?.chunk, 4)
      if (page.length === 0) break
    }
    t.strictSame(seen, all)
    for (const each of all) t.strictSame(await store.findChunk(each.chunk), each)
    t.match(await store.findChunk(chunk('q')), {
      chunk: chunk('q'),
      sizeBytes: CHUNK_BYTES,
      copies: [{ peer: peer(1) }, { peer: peer(2) }, { peer: peer(3) }],
      readAt: START,
      reads: 0
    })
    t.equal(await store.findChunk(chunk('u')), undefined)
    t.equal(await store.findChunk(chunk('never')), undefined)
  })
}

async function testTrim(t: Test, makeStore: MakeStore): Promise<void> {
  const keep = [
    { peer: peer(1), boot: 1 },
    { peer: peer(2), boot: 1 }
  ]

  await t.test(
    'a surplus copy is forgotten while those to keep are recorded, and no order is made',
    async (t) => {
      const store = await makeStore(t)
      const x = await oneChunk(store, { 1: 1, 2: 1, 3: 1, 4: 1 })
      t.equal(await store.trimCopy({ ...x, peer: peer(4), keep }), true)
      t.strictSame(await holders(store), [1, 2, 3])
      t.equal(await store.trimCopy({ ...x, peer: peer(4), keep }), true, 'again, as if it ran once')
      t.strictSame(await holders(store), [1, 2, 3])
      t.equal((await store.stats(3)).chunksOwed, 0)
      t.equal((await store.stats(4)).chunksOwed, 1, 'its count follows')
      t.strictSame(await store.listOrders(peer(4), 10), [], 'it may be given the chunk again')
      await store.recordReceipts([receipt(4, x.chunk, x.generation)])
      t.strictSame(await holders(store), [1, 2, 3, 4])
    }
  )

  await t.test('nothing is trimmed when one to keep is not recorded in that boot', async (t) => {
    const store = await makeStore(t)
    const x = await oneChunk(store, { 1: 1, 2: 2, 3: 1 })
    t.equal(await store.trimCopy({ ...x, peer: peer(3), keep }), false, 'another boot')
    const missing = [
      { peer: peer(1), boot: 1 },
      { peer: peer(7), boot: 1 }
    ]
    t.equal(await store.trimCopy({ ...x, peer: peer(3), keep: missing }), false, 'never recorded')
    await store.dropCopy({ ...x, peer: peer(1) })
    const one = [{ peer: peer(1), boot: 1 }]
    t.equal(await store.trimCopy({ ...x, peer: peer(3), keep: one }), false, 'dropped')
    t.strictSame(await holders(store), [2, 3])
    t.match((await store.listOwed(3, undefined, 10))[0]?.copies, [{ peer: peer(2) }, { peer: peer(3) }])
  })

  await t.test('never the last, never one that is to be kept', async (t) => {
    const store = await makeStore(t)
    const x = await oneChunk(store, { 1: 1, 2: 1 })
    t.equal(await store.trimCopy({ ...x, peer: peer(1), keep: [] }), false)
    t.equal(await store.trimCopy({ ...x, peer: peer(1), keep }), false)
    const twice = [...keep, { peer: peer(2), boot: 2 }]
    t.equal(await store.trimCopy({ ...x, peer: peer(3), keep: twice }), false, 'one node in two boots')
    t.strictSame(await holders(store), [1, 2])
  })

  await t.test('nor of another life of the chunk', async (t) => {
    const store = await makeStore(t)
    const x = await oneChunk(store, { 1: 1, 2: 1, 3: 1 })
    for (const g of [x.generation - 1, x.generation + 1])
      t.equal(await store.trimCopy({ ...x, generation: generation(g), peer: peer(3), keep }), false)
    t.strictSame(await holders(store), [1, 2, 3])
    await store.abandonUpload((await openUploadOf(store)).upload)
    await store.condemnChunks(10)
    t.equal(await store.trimCopy({ ...x, peer: peer(3), keep }), false, 'condemned')
    t.equal((await store.listCopies(peer(3), undefined, 10)).length, 1)
  })

  await t.test('two that trim at once leave enough', async (t) => {
    const store = await makeStore(t)
    const x = await oneChunk(store, { 1: 1, 2: 1, 3: 1 })
    const sure = (n: number) => ({ peer: peer(n), boot: 1 })
    const trimmed = await Promise.all([
      store.trimCopy({ ...x, peer: peer(1), keep: [sure(2), sure(3)] }),
      store.trimCopy({ ...x, peer: peer(2), keep: [sure(1), sure(3)] })
    ])
    t.equal(trimmed.filter(Boolean).length, 1)
    t.equal((await holders(store)).length, 2)
  })
}

const openUploadOf = async (store: MetadataStore) => ({ upload: await openUpload(store, 'a') })

async function testReads(t: Test, makeStore: MakeStore): Promise<void> {
  const windowMs = 1000
  const stepMs = 100
  const readOf = async (store: MetadataStore): Promise<[number, number]> => {
    const found = await store.findChunk(chunk('x'))
    return [found?.readAt ?? -1, found?.reads ?? -1]
  }

  await t.test('reads count within a window, at most once in a step', async (t) => {
    const store = await makeStore(t)
    await store.advanceTime(START)
    await oneChunk(store, { 1: 1 })
    const read = (now: number) => store.noteReads([chunk('x'), chunk('never')], { now, windowMs, stepMs })
    t.strictSame(await readOf(store), [START, 0], 'it came into being')
    await read(START + 99)
    t.strictSame(await readOf(store), [START, 0])
    await read(START + 100)
    t.strictSame(await readOf(store), [START + 100, 1])
    await read(START + 150)
    await read(START + 900)
    t.strictSame(await readOf(store), [START + 900, 2])
    await read(START + 400)
    t.strictSame(await readOf(store), [START + 900, 2], 'time that runs backwards changes nothing')
    await read(START + 1899)
    t.strictSame(await readOf(store), [START + 1899, 3])
    await read(START + 2899)
    t.strictSame(await readOf(store), [START + 2899, 1], 'the window is over')
  })

  await t.test('a new life begins unread', async (t) => {
    const store = await makeStore(t)
    const x = await oneChunk(store, { 1: 1 })
    await store.noteReads([x.chunk], { now: START + 500, windowMs, stepMs })
    await store.abandonUpload((await openUploadOf(store)).upload)
    await store.condemnChunks(10)
    await store.noteReads([x.chunk], { now: START + 700, windowMs, stepMs })
    await store.advanceTime(START + 800)
    await reserve(store, await openUpload(store, 'b'), 0, x.chunk)
    t.strictSame(await readOf(store), [START + 800, 0])
  })
}
