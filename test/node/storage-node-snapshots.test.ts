import t from 'tap'
import type { Test } from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import type { SnapshotName, SnapshotStore } from '../../src/interfaces.ts'
import { CHUNK_BYTES_MAX, SNAPSHOT_NAMES_MAX } from '../../src/protocol/limits.ts'
import { SnapshotKeeper } from '../../src/node/snapshots/snapshot-keeper.ts'
import { MemoryChunkStore } from '../../src/node/store/memory-chunk-store.ts'
import { MemorySnapshotStore } from '../../src/node/store/memory-snapshot-store.ts'
import { TermFence } from '../../src/node/term-fence.ts'
import { memoryCell } from '../../src/runtime/cell.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { snapshotName } from '../conformance/snapshot-store.ts'
import type { Participant } from '../kit/memory-cluster.ts'
import { start } from './node-cluster.ts'
import { ask, term, timeoutMs } from './orders-kit.ts'

const piece = (sizeBytes: number): Uint8Array => new Uint8Array(sizeBytes).fill(sizeBytes % 251)
const changes = (sequence: number, more: Partial<SnapshotName> = {}): SnapshotName =>
  snapshotName({ term: term(5), kind: 'changes', sequence, ...more })

async function setUp(t: Test, capacityBytes = 0) {
  const cluster = await start(t, {
    nodes: 1,
    storeOf: () => new MemoryChunkStore({ clock: systemClock, capacityBytes })
  })
  const leader = await cluster.client('controller')
  const put = async (name: SnapshotName, bytes = piece(100), by = 5, from: Participant = leader) => {
    const message = { term: term(by), name }
    const body = { sizeBytes: bytes.byteLength, pieces: [bytes] }
    await from.chunkRpc.call(cluster.node(0).peer, 'putSnapshot', message, { timeoutMs, body })
  }
  const get = async (name: SnapshotName): Promise<Buffer> => {
    const allocate = (size: number): Uint8Array => new Uint8Array(size)
    const to = cluster.node(0).peer
    const answer = await leader.chunkRpc.call(to, 'getSnapshot', { name }, { timeoutMs, allocate })
    return Buffer.from(answer.body ?? [])
  }
  const list = async (after?: SnapshotName) =>
    await ask(leader, cluster.node(0), 'listSnapshots', after === undefined ? {} : { after })
  const drop = async (names: SnapshotName[], by = 5): Promise<void> => {
    await ask(leader, cluster.node(0), 'dropSnapshots', { term: term(by), names })
  }
  return { cluster, leader, put, get, list, drop }
}

t.test('a node keeps pieces for the leader, over a restart, and gives them back', async (t) => {
  const { cluster, put, get, list, drop } = await setUp(t)
  const base = snapshotName({ term: term(5) })
  await put(base, piece(CHUNK_BYTES_MAX))
  await put(changes(1))
  await put(changes(1), piece(100), 5)
  await cluster.restartNode(0, { crash: true })
  t.same(await get(base), Buffer.from(piece(CHUNK_BYTES_MAX)))
  t.same(await list(), {
    names: [
      { ...base, sizeBytes: CHUNK_BYTES_MAX },
      { ...changes(1), sizeBytes: 100 }
    ],
    more: false
  })
  t.same((await list(base)).names, [{ ...changes(1), sizeBytes: 100 }])
  await drop([base, changes(9)])
  await t.rejects(get(base), { code: 'chunk-not-found' })
  t.same((await list()).names.length, 1)
})

t.test('a controller that was replaced neither adds nor drops pieces', async (t) => {
  const { put, list, drop } = await setUp(t)
  await put(changes(1))
  await t.rejects(put(changes(2, { term: term(4) }), piece(9), 4), { code: 'term-stale' })
  await t.rejects(drop([changes(1)], 4), { code: 'term-stale' })
  await t.rejects(put(changes(3, { term: term(6) }), piece(9), 5), { code: 'bad-request' }, 'of the future')
  t.same((await list()).names, [{ ...changes(1), sizeBytes: 100 }])
})

t.test('names that can be none, and bodies that are empty or too large, are refused', async (t) => {
  const { cluster, leader, put, get, list, drop } = await setUp(t)
  const wrong = [changes(0), changes(1, { part: 1, parts: 1 }), snapshotName({ sequence: 3 })]
  for (const name of wrong) {
    await t.rejects(put(name), { code: 'bad-request' })
    await t.rejects(get(name), { code: 'bad-request' })
    await t.rejects(drop([name]), { code: 'bad-request' })
  }
  const malformed = [{ part: -1 }, { term: 1.5 }, { kind: 'all' }, { parts: 0 }, { base: '1' }]
  for (const more of malformed) {
    const name = { ...changes(1), ...more } as SnapshotName
    await t.rejects(put(name), { code: /bad-request|protocol-violation/ })
  }
  await t.rejects(put(changes(1), new Uint8Array()), { code: 'protocol-violation' })
  await t.rejects(put(changes(1), piece(CHUNK_BYTES_MAX + 1)), { code: 'chunk-too-large' })
  const edge = await cluster.client()
  await t.rejects(put(changes(1), piece(1), 5, edge), { code: 'role-forbidden' })
  const none = { term: term(5), names: [] }
  await t.rejects(ask(leader, cluster.node(0), 'dropSnapshots', none), { code: /bad-request|protocol/ })
  t.same((await list()).names, [])
})

t.test('the list comes in pages', async (t) => {
  const { cluster, list } = await setUp(t)
  const { snapshots } = cluster.node(0)
  const count = SNAPSHOT_NAMES_MAX + 3
  for (let sequence = 1; sequence <= count; sequence++) await snapshots.put(changes(sequence), piece(1))
  const first = await list()
  t.equal(first.names.length, SNAPSHOT_NAMES_MAX)
  t.equal(first.more, true)
  const { names, more } = await list(first.names.at(-1))
  t.same(
    names.map(({ sequence }) => sequence),
    [count - 2, count - 1, count]
  )
  t.equal(more, false)
})

t.test('a node that has no room left takes none, and still gives what it has', async (t) => {
  const { put, get } = await setUp(t, 1000)
  await put(changes(1), piece(1000))
  await t.rejects(put(changes(2), piece(1001)), { code: 'store-full' })
  t.equal((await get(changes(1))).byteLength, 1000)
})

t.test('a piece whose sender was replaced while its bytes came is not kept', async (t) => {
  const snapshots = new MemorySnapshotStore()
  const chunks = new MemoryChunkStore({ clock: systemClock })
  await chunks.open()
  const fence = new TermFence(memoryCell(term(5)))
  const parts = { snapshots, chunks, fence, clock: systemClock, logger: silentLogger }
  const keeper = new SnapshotKeeper(parts)
  await keeper.open()
  const put = keeper.put({
    from: (await start(t, { nodes: 0 })).hub.newPeer(),
    role: 'controller',
    message: { term: term(5), name: changes(1) },
    body: {
      sizeBytes: 3,
      readInto: async () => fence.observe(term(6))
    },
    signal: new AbortController().signal
  })
  await t.rejects(put, { code: 'term-stale' })
  t.same(await snapshots.list(), [])
})

t.test('a node whose snapshots are damaged serves its chunks, and says so about snapshots', async (t) => {
  class Broken extends MemorySnapshotStore implements SnapshotStore {
    override async open(): Promise<void> {
      throw new PeerbinError('store-failed', 'damaged')
    }
  }
  const chunks = new MemoryChunkStore({ clock: systemClock })
  await chunks.open()
  const fence = new TermFence(memoryCell(term(5)))
  const errors: string[] = []
  const logger = { ...silentLogger, error: (message: string) => void errors.push(message) }
  const keeper = new SnapshotKeeper({ snapshots: new Broken(), chunks, fence, clock: systemClock, logger })
  await keeper.open()
  t.equal(errors.length, 1)
  const list = keeper.list({
    from: (await start(t, { nodes: 0 })).hub.newPeer(),
    role: 'controller',
    message: {},
    body: undefined,
    signal: new AbortController().signal
  })
  await t.rejects(list, { code: 'store-failed' })
  await keeper.close()
})
