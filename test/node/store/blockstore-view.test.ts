import type { Blockstore } from 'interface-blockstore'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { sha256, sha512 } from 'multiformats/hashes/sha2'
import t from 'tap'
import type { Test } from 'tap'
import type { ChunkStore } from '../../../src/interfaces.ts'
import { BlockstoreView } from '../../../src/node/store/blockstore-view.ts'
import { LevelChunkStore } from '../../../src/node/store/level-chunk-store.ts'
import { MemoryChunkStore } from '../../../src/node/store/memory-chunk-store.ts'
import { CHUNK_BYTES_MAX } from '../../../src/protocol/limits.ts'
import { chunkIdOf, cidOf } from '../../../src/protocol/ids.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { G1, someBytes, someChunk } from '../../conformance/chunk-store-kit.ts'
import { runMochaSuite } from './mocha-suite.ts'
import { testFolder } from '../../kit/test-folder.ts'

const DAG_CBOR = 0x71
const DAG_PB = 0x70

const makers: Record<string, (t: Test) => ChunkStore> = {
  memory: () => new MemoryChunkStore({ clock: systemClock }),
  LevelDB: (t) => new LevelChunkStore({ folder: testFolder(t), clock: systemClock, capacityBytes: 0 })
}

async function viewOver(t: Test): Promise<{ store: ChunkStore; view: BlockstoreView }> {
  const store = new MemoryChunkStore({ clock: systemClock })
  await store.open()
  t.teardown(() => store.close())
  return { store, view: new BlockstoreView({ store }) }
}

async function all<T>(source: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

const blockOf = async (view: Blockstore, cid: CID): Promise<Buffer> => Buffer.concat(await all(view.get(cid)))

for (const [name, make] of Object.entries(makers)) {
  void t.test(`interface-blockstore-tests, over ${name}`, async (t) => {
    // named here, for the hook that stands in for aegir has to be there first
    const { interfaceBlockstoreTests } = await import('interface-blockstore-tests')
    const open = new Map<Blockstore, ChunkStore>()
    const cases = await runMochaSuite(t, () =>
      interfaceBlockstoreTests({
        setup: async () => {
          const store = make(t)
          await store.open()
          for (const { id } of await store.list({ limit: 1000 })) await store.delete(id, G1)
          const view = new BlockstoreView({ store })
          open.set(view, store)
          return view
        },
        teardown: async (view) => {
          await open.get(view)?.close()
        }
      })
    )
    t.equal(cases, 18, 'the whole suite was found')
  })
}

t.test(
  'every CID with the sha2-256 of the bytes names the chunk, whatever its version and codec',
  async (t) => {
    const { store, view } = await viewOver(t)
    const bytes = someBytes(100)
    const digest = await sha256.digest(bytes)
    const names = [CID.createV1(DAG_CBOR, digest), CID.createV1(DAG_PB, digest), CID.createV0(digest)]
    const [first] = names
    if (first === undefined) throw new Error('there are three')
    t.equal(await view.put(first, bytes), first)
    t.ok(Buffer.from(bytes).equals(await store.get(chunkIdOf(bytes))))
    for (const cid of names) {
      t.equal(await view.has(cid), true)
      t.ok((await blockOf(view, cid)).equals(bytes))
    }
    t.same(
      (await all(view.getAll())).map(({ cid }) => cid.toString()),
      [chunkIdOf(bytes)]
    )
  }
)

t.test('a CID with another hash is never there and cannot be stored', async (t) => {
  const { view } = await viewOver(t)
  const bytes = someBytes(20)
  for (const hasher of [identity, sha512]) {
    const cid = CID.createV1(0x55, await hasher.digest(bytes))
    await t.rejects(view.put(cid, bytes), { code: 'bad-request' })
    t.equal(await view.has(cid), false)
    await t.rejects(blockOf(view, cid), { name: 'NotFoundError' })
    await view.delete(cid)
  }
})

t.test('refuses blocks that are empty, too large or not what their CID names', async (t) => {
  const { view } = await viewOver(t)
  const { id, bytes } = someChunk(100)
  await t.rejects(view.put(cidOf(id), someBytes(100)), { code: 'chunk-corrupt' })
  await t.rejects(view.put(cidOf(chunkIdOf(new Uint8Array(0))), new Uint8Array(0)), { code: 'bad-request' })
  let given = 0
  const endless = (function* () {
    while (true) {
      given++
      yield someBytes(1024 * 1024)
    }
  })()
  await t.rejects(view.put(cidOf(id), endless), { code: 'chunk-too-large' })
  t.equal(given, CHUNK_BYTES_MAX / (1024 * 1024) + 1, 'it reads no further than it must')
  await view.put(cidOf(id), [bytes.subarray(0, 30), bytes.subarray(30)])
  t.ok((await blockOf(view, cidOf(id))).equals(bytes), 'blocks in parts are put together')
})

t.test('a chunk that the cluster put is not deleted from here', async (t) => {
  const { store, view } = await viewOver(t)
  const { id, bytes } = someChunk(100)
  await view.put(cidOf(id), bytes)
  await store.put(id, bytes, G1)
  await t.rejects(view.delete(cidOf(id)), { code: 'bad-request' })
  t.equal(await view.has(cidOf(id)), true)
})
