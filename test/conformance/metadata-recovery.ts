import type { Test } from 'tap'
import type { AdoptFile, MetadataStore, NewLink } from '../../src/metadata-store.ts'
import type { Generation } from '../../src/types.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  CHUNK_BYTES,
  EXPIRY,
  START,
  addFile,
  chunk,
  claim,
  collectAll,
  fileId,
  generation,
  hash,
  openUpload,
  peer,
  receipt,
  rejectsWith,
  reserve,
  revoke,
  settleAll,
  tokenOf,
  uploadId
} from './metadata-fixture.ts'

/** A file as its manifest tells of it, its chunks at these generations. */
function manifestOf(
  name: string,
  chunks: Array<[name: string, generation: number]>,
  state: NonNullable<AdoptFile['link']>['state'] = 'live'
): AdoptFile & { link: NewLink } {
  const entry = ([of, g]: [string, number]) => ({
    id: chunk(of),
    sizeBytes: CHUNK_BYTES,
    generation: g as Generation
  })
  return {
    file: {
      id: fileId(name),
      name,
      sizeBytes: chunks.length * CHUNK_BYTES,
      mediaType: 'text/plain',
      sha256: hash(`content of ${name}`),
      uploadedAt: START,
      metadata: { name }
    },
    manifest: entry([`manifest of ${name}`, 1]),
    chunks: chunks.map(entry),
    link: {
      tokenHash: tokenOf(name),
      deleteHash: hash(`delete ${name}`),
      downloads: 2,
      expiresAt: EXPIRY,
      state
    }
  }
}

const report = (store: MetadataStore, n: number, chunks: Array<[string, number]>) =>
  store.reconcileHeld({
    peer: peer(n),
    host: `host-${n}`,
    boot: 1,
    inventory: START,
    held: chunks.map(([of, g]) => ({ chunk: chunk(of), generation: generation(g) }))
  })

export async function testRecovery(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('an adopted file is a file like any other', async (t) => {
    const store = await makeStore(t)
    await store.advanceTime(START)
    const adopt = manifestOf('a', [
      ['x', 7],
      ['y', 9],
      ['x', 7]
    ])
    t.equal(await store.adoptFile(adopt), true)
    t.strictSame(await store.getFile(fileId('a')), {
      ...adopt.file,
      indexBytes: 0,
      encryption: null,
      chunkCount: 3,
      manifest: chunk('manifest of a'),
      state: 'live'
    })
    t.strictSame(
      (await store.listFileChunks(fileId('a'), 0, 10)).map(({ index, id, generation: g }) => [index, id, g]),
      [
        [0, chunk('x'), 7],
        [1, chunk('y'), 9],
        [2, chunk('x'), 7]
      ]
    )
    t.equal(await store.lastGeneration(), 9, 'the counter follows')
    t.match(await store.findChunk(chunk('y')), { generation: 9, copies: [], readAt: START, reads: 0 })
    t.strictSame(
      await report(store, 1, [
        ['x', 7],
        ['y', 9]
      ]),
      ['recorded', 'recorded']
    )
    t.equal((await store.findChunk(chunk('x')))?.copies.length, 1)
    t.match(await claim(store, 'a', 'me'), { outcome: 'claimed', file: { name: 'a' } })
    t.equal(await reserve(store, await openUpload(store, 'b'), 0, chunk('new')), 10)
    await revoke(store, 'a')
    await settleAll(store, START)
    await collectAll(store)
    t.match(await store.stats(3), { files: 0, chunks: 1 })
  })

  await t.test('one that is known already is left as it is, whatever became of it', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'live')
    await addFile(store, 'gone')
    await claim(store, 'live', 'me')
    await revoke(store, 'gone')
    await settleAll(store, START)
    const before = await store.stats(3)
    for (const name of ['live', 'gone']) t.equal(await store.adoptFile(manifestOf(name, [['x', 99]])), false)
    const otherFile = { ...manifestOf('live', [['x', 99]]), file: manifestOf('other', [['x', 99]]).file }
    t.equal(await store.adoptFile(otherFile), false, 'a known link, of another file')
    const otherLink = { ...manifestOf('live', [['x', 99]]), link: manifestOf('other', []).link }
    t.equal(await store.adoptFile(otherLink), false, 'a known file, with another link')
    t.strictSame(await store.stats(3), before)
    t.equal(await store.findChunk(chunk('x')), undefined)
    t.ok((await store.lastGeneration()) < 99)
    t.equal(await store.adoptFile(manifestOf('new', [['x', 99]])), true)
    t.equal(await store.adoptFile(manifestOf('new', [['x', 99]])), false, 'again')
  })

  await t.test('its link comes as it is said to be', async (t) => {
    const store = await makeStore(t)
    for (const state of ['live', 'suspended', 'revoked'] as const)
      await store.adoptFile(manifestOf(state, [['x', 1]], state))
    t.match(await claim(store, 'live', 'me'), { outcome: 'claimed' })
    t.strictSame(await claim(store, 'suspended', 'me'), { outcome: 'suspended' })
    t.strictSame(await claim(store, 'revoked', 'me'), { outcome: 'revoked' })
    await settleAll(store, START)
    t.match(await store.stats(3), { files: 2, linksLive: 1, linksSuspended: 1 })
    await store.resumeLinks([tokenOf('suspended'), tokenOf('revoked')])
    t.match(await claim(store, 'suspended', 'me'), { outcome: 'claimed' })
    await collectAll(store)
    t.equal(await store.purgeTombstones(EXPIRY + 1, 100), 1, 'the revoked one ages from its expiry on')
  })

  await t.test('a chunk that is live keeps its life', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'open')
    const g = await reserve(store, upload, 0, chunk('x'))
    await store.adoptFile(manifestOf('a', [['x', g + 5]]))
    await store.adoptFile(manifestOf('b', [['x', g]]))
    t.equal((await store.findChunk(chunk('x')))?.generation, g)
    await store.abandonUpload(upload)
    t.equal(await store.condemnChunks(10), 0, 'two files refer to it')
    await rejectsWith(
      t,
      store.adoptFile({ ...manifestOf('c', []), chunks: [{ id: chunk('x'), sizeBytes: 7, generation: g }] }),
      'upload-conflict'
    )
    t.equal(await store.getFile(fileId('c')), undefined, 'and nothing of it stays')
  })

  await t.test('orders for what is made known again are taken back', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const g = await reserve(store, upload, 0, chunk('x'))
    await reserve(store, upload, 1, chunk('other'))
    await store.recordReceipts([1, 2].map((n) => receipt(n, chunk('x'), g)))
    await store.recordReceipts([receipt(1, chunk('other'), generation(g + 1))])
    await store.abandonUpload(uploadId('a'))
    await store.condemnChunks(10)
    await store.recordReceipts([receipt(3, chunk('late'), g)])
    t.equal((await store.stats(3)).ordersPending, 4)
    await store.adoptFile(
      manifestOf('found', [
        ['x', g],
        ['late', g + 1]
      ])
    )
    t.strictSame(await store.listOrderPeers(), [peer(1), peer(3)])
    t.strictSame(
      (await store.listOrders(peer(1), 10)).map((order) => order.chunk),
      [chunk('other')]
    )
    t.equal((await store.listOrders(peer(3), 10)).length, 1, 'one for an earlier life stays')
    t.match(await store.findChunk(chunk('x')), {
      generation: g,
      copies: [{ peer: peer(1) }, { peer: peer(2) }]
    })
  })

  await t.test('a condemned chunk never goes back to a smaller generation', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    await reserve(store, upload, 0, chunk('other'))
    const g = await reserve(store, upload, 1, chunk('x'))
    await store.recordReceipts([receipt(1, chunk('x'), g)])
    await store.abandonUpload(upload)
    await store.condemnChunks(10)
    await store.adoptFile(manifestOf('found', [['x', g - 1]]))
    t.match(await store.findChunk(chunk('x')), { generation: g, copies: [{ peer: peer(1) }] })
    t.strictSame(await report(store, 2, [['x', g - 1]]), ['stale'])
  })

  await t.test('an unknown chunk that was adopted meanwhile is not ordered away', async (t) => {
    const store = await makeStore(t)
    await store.raiseCounters({
      term: 1 as Parameters<MetadataStore['advanceTerm']>[0],
      generation: generation(9)
    })
    for (const inventory of [100, 200])
      await store.reconcileHeld({
        peer: peer(1),
        host: 'host-1',
        boot: 1,
        inventory,
        held: [{ chunk: chunk('x'), generation: generation(5) }]
      })
    await store.adoptFile(manifestOf('found', [['x', 5]]))
    await store.orderUnknown({ peer: peer(1), inventory: 200, seenBefore: 200, limit: 10 })
    t.strictSame(await store.listOrderPeers(), [])
  })

  await t.test('known are the chunks that are live and referenced', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { chunks: ['x', 'y'] })
    await addFile(store, 'b', { chunks: ['y', 'z'] })
    await revoke(store, 'b')
    await settleAll(store, START)
    const asked = ['z', 'y', 'never', 'x'].map(chunk)
    t.strictSame(await store.knownChunks(asked), [chunk('y'), chunk('x')], 'z is not referenced any more')
    await store.condemnChunks(10)
    t.strictSame(await store.knownChunks(asked), [chunk('y'), chunk('x')])
    t.strictSame(await store.knownChunks([]), [])
  })
}
