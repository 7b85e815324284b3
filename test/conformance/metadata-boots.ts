import type { Test } from 'tap'
import type { MetadataStore, NodeBoot } from '../../src/metadata-store.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  BOOTS,
  CHUNK_BYTES,
  chunk,
  openUpload,
  peer,
  prepareFile,
  receipt,
  rejectsWith,
  reserve,
  tokenOf,
  uploadId
} from './metadata-fixture.ts'

const bootsOf = (boots: Record<number, number>): NodeBoot[] =>
  Object.entries(boots).map(([n, boot]) => ({ peer: peer(Number(n)), boot }))

const lacking = async (
  store: MetadataStore,
  name: string,
  boots: NodeBoot[],
  limit = 100
): Promise<string[]> =>
  (await store.listLacking(uploadId(name), { copiesMin: 2, hostsMin: 2, boots }, limit)).map(
    (each) => each.chunk
  )

export async function testBoots(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test(
    'a commit counts only copies that were given in the present boot of a living node',
    async (t) => {
      const store = await makeStore(t)
      const commit = await prepareFile(store, 'a', { chunks: ['x'], peers: [1, 2] })
      const cases: Record<string, NodeBoot[]> = {
        'nobody lives': [],
        'one is away': bootsOf({ 1: 1 }),
        'one has restarted since': bootsOf({ 1: 1, 2: 2 }),
        'one says it is in an earlier boot': bootsOf({ 1: 1, 2: 0 }),
        'others live': bootsOf({ 3: 1, 4: 1 }),
        'both have restarted': bootsOf({ 1: 2, 2: 2, 3: 1 })
      }
      for (const [what, boots] of Object.entries(cases)) {
        await rejectsWith(t, store.commitUpload({ ...commit, boots }), 'copies-missing', what)
        t.equal((await lacking(store, 'a', boots)).length, 2, what)
      }
      t.equal(await store.findLink(tokenOf('a')), undefined)
      t.ok(await store.commitUpload({ ...commit, boots: bootsOf({ 1: 1, 2: 1, 7: 3 }) }))
    }
  )

  await t.test('a receipt from the new boot makes the copy count again', async (t) => {
    const store = await makeStore(t)
    const commit = await prepareFile(store, 'a', { chunks: ['x'], peers: [1, 2] })
    const boots = bootsOf({ 1: 1, 2: 2 })
    await rejectsWith(t, store.commitUpload({ ...commit, boots }), 'copies-missing')
    const chunks = await store.listLacking(commit.upload, { ...commit, boots }, 10)
    await store.recordReceipts(chunks.map((each) => receipt(2, each.chunk, each.generation, 2)))
    t.strictSame(await lacking(store, 'a', boots), [])
    t.ok(await store.commitUpload({ ...commit, boots }))
  })

  await t.test('sure copies on one host are not enough where two are asked for', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const g = await reserve(store, upload, 0, chunk('x'))
    const sameHost = { ...receipt(2, chunk('x'), g), host: 'host-1' }
    await store.recordReceipts([receipt(1, chunk('x'), g), sameHost, receipt(3, chunk('x'), g, 7)])
    t.strictSame(await lacking(store, 'a', BOOTS), [chunk('x')], 'the third is of another boot')
    t.strictSame(await lacking(store, 'a', [{ peer: peer(3), boot: 7 }, ...BOOTS.slice(0, 2)]), [])
    const rule = { copiesMin: 2, hostsMin: 1, boots: BOOTS }
    t.strictSame(await store.listLacking(upload, rule, 10), [])
  })

  await t.test('what an upload lacks comes in order of digests with all recorded copies', async (t) => {
    const store = await makeStore(t)
    const upload = await openUpload(store, 'a')
    const names = ['p', 'q', 'r', 's']
    for (const [i, name] of names.entries()) {
      const g = await reserve(store, upload, i, chunk(name))
      await store.recordReceipts([receipt(1, chunk(name), g), receipt(2, chunk(name), g, 3)])
    }
    await reserve(store, upload, 9, chunk('p'))
    const all = await lacking(store, 'a', BOOTS)
    t.strictSame(new Set(all), new Set(names.map(chunk)), 'each once')
    t.equal(all.length, 4)
    t.strictSame(await lacking(store, 'a', BOOTS, 2), all.slice(0, 2))
    const [first] = await store.listLacking(upload, { copiesMin: 2, hostsMin: 2, boots: BOOTS }, 1)
    t.match(first, { sizeBytes: CHUNK_BYTES, copies: [{ boot: 1 }, { boot: 3 }] })
    await store.abandonUpload(upload)
    t.strictSame(await lacking(store, 'a', BOOTS), [], 'nothing of an upload that is not open')
    t.strictSame(await lacking(store, 'unknown', BOOTS), [])
  })
}
