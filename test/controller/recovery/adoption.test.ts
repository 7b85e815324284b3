import t from 'tap'
import { PeerbinError } from '../../../src/errors.ts'
import type { ErrorCode } from '../../../src/errors.ts'
import { MemoryMetadataStore } from '../../../src/metadata/memory-metadata-store.ts'
import type { ChunkId } from '../../../src/types.ts'
import { RenewalWorld } from './renewal-world.ts'

/** A node that fails to read that chunk, so many times. */
function failGets(
  store: RenewalWorld['nodes'][number]['store'] | undefined,
  chunk: ChunkId,
  code: ErrorCode,
  times = Infinity
): void {
  if (store === undefined) throw new Error('there is no such node')
  let left = times
  store.before = (operation, id) => {
    if (operation === 'get' && id === chunk && left-- > 0) throw new PeerbinError(code)
  }
}

t.test(
  'a node that fails to give a manifest is asked again, and what it held is not passed over',
  async (t) => {
    const world = new RenewalWorld(t)
    await world.start()
    const store = new MemoryMetadataStore()
    await store.open()
    const file = await world.place('x', 50)
    const [node] = world.nodes
    failGets(node?.store, file.chunk, 'busy', 2)
    t.match((await world.renew(store)).found, { adopted: 1, unreadable: 0 })
  }
)

t.test('when it does not give it at all the recovery ends, and can be made again', async (t) => {
  const world = new RenewalWorld(t)
  await world.start()
  const file = await world.place('x', 50)
  const [node] = world.nodes
  failGets(node?.store, file.chunk, 'store-failed')
  const store = new MemoryMetadataStore()
  await store.open()
  await t.rejects(world.renew(store), { code: 'store-failed', message: /does not give a manifest/ })
})

t.test(
  'a manifest that is rotten on one node comes from another, and is reported when there is none',
  async (t) => {
    const world = new RenewalWorld(t)
    await world.start(2)
    const store = new MemoryMetadataStore()
    await store.open()
    const [one, two] = world.nodes
    const whole = await world.place('whole', 50)
    failGets(one?.store, whole.chunk, 'chunk-corrupt')
    t.match((await world.renew(store)).found, { adopted: 1, unreadable: 0 })
    const lost = await world.place('lost', 51)
    failGets(one?.store, lost.chunk, 'chunk-corrupt')
    failGets(two?.store, lost.chunk, 'chunk-not-found')
    t.match((await world.renew(store)).found, { adopted: 0, unreadable: 1 })
  }
)

t.test('a node may take long to find its manifests among many other chunks', async (t) => {
  const world = new RenewalWorld(t)
  await world.start()
  const store = new MemoryMetadataStore()
  await store.open()
  await world.place('x', 50)
  const [node] = world.nodes
  if (node === undefined) return t.fail('there is a node')
  node.store.before = async (operation) => {
    if (operation === 'list') await new Promise((resolve) => setTimeout(resolve, 1500))
  }
  t.match((await world.renew(store, { timeoutMs: 500 })).found, { adopted: 1 })
})
