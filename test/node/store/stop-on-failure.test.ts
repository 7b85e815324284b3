import t from 'tap'
import type { Test } from 'tap'
import { PeerbinError } from '../../../src/errors.ts'
import { MemoryChunkStore } from '../../../src/node/store/memory-chunk-store.ts'
import { StopOnFailure } from '../../../src/node/store/stop-on-failure.ts'
import { CHUNK_BYTES_MAX } from '../../../src/protocol/limits.ts'
import { G1, G2, someBytes, someChunk } from '../../conformance/chunk-store-kit.ts'
import { FaultyChunkStore } from '../../kit/faulty-chunk-store.ts'
import { ManualClock } from '../../kit/manual-clock.ts'

async function setUp(t: Test, capacityBytes = 0) {
  const faulty = new FaultyChunkStore({
    store: new MemoryChunkStore({ clock: new ManualClock(), capacityBytes })
  })
  const failures: PeerbinError[] = []
  const store = new StopOnFailure({ store: faulty, onFailure: (failure) => failures.push(failure) })
  await store.open()
  t.teardown(() => store.close())
  return { store, faulty, failures }
}

t.test('after a failed put nothing is acknowledged any more, and reads go on', async (t) => {
  const { store, faulty, failures } = await setUp(t)
  const kept = someChunk()
  await store.put(kept.id, kept.bytes, G1)
  const cause = new Error('EIO: i/o error')
  faulty.before = () => {
    throw cause
  }
  const { id, bytes } = someChunk()
  await t.rejects(store.put(id, bytes, G1), cause)
  faulty.heal()
  await t.rejects(store.put(id, bytes, G1), { code: 'store-failed' })
  await t.rejects(store.put(kept.id, kept.bytes, G2), { code: 'store-failed' })
  await t.rejects(store.delete(kept.id, G1), { code: 'store-failed' })
  t.equal(faulty.calls.filter(({ operation }) => operation === 'delete').length, 0)
  t.ok(Buffer.from(kept.bytes).equals(await store.get(kept.id)))
  t.equal(failures.length, 1)
  t.match(failures[0], { code: 'store-failed', cause })
  t.equal(store.failure, failures[0])
})

t.test('a failed delete stops it too', async (t) => {
  const { store, faulty, failures } = await setUp(t)
  const { id, bytes } = someChunk()
  await store.put(id, bytes, G1)
  faulty.before = () => {
    throw new PeerbinError('store-failed')
  }
  await t.rejects(store.delete(id, G1), { code: 'store-failed' })
  t.equal(failures.length, 1)
})

t.test('a failed raise and a failed emptying of the quarantine stop it too, and stop with it', async (t) => {
  for (const broken of ['raise', 'dropQuarantined']) {
    const { store, faulty, failures } = await setUp(t)
    const { id, bytes } = someChunk()
    await store.put(id, bytes, G1)
    const writes = { raise: () => store.raise(id, G2), dropQuarantined: () => store.dropQuarantined(0, 1) }
    faulty.before = (operation) => {
      if (operation === broken) throw new PeerbinError('store-failed')
    }
    const failing = async (): Promise<unknown> =>
      broken === 'raise' ? await writes.raise() : await writes.dropQuarantined()
    await t.rejects(failing(), { code: 'store-failed' })
    t.equal(failures.length, 1)
    faulty.heal()
    await t.rejects(writes.raise(), { code: 'store-failed' })
    await t.rejects(writes.dropQuarantined(), { code: 'store-failed' })
    t.match(await store.stat(id), { generation: 1 })
  }
})

t.test('writes that were under way when another failed are not acknowledged', async (t) => {
  const { store, faulty, failures } = await setUp(t)
  const [slow, broken] = [someChunk(), someChunk()]
  const gate = Promise.withResolvers<void>()
  faulty.after = async (_operation, id) => {
    if (id === broken.id) throw new Error('ENOSPC')
    await gate.promise
  }
  const put = store.put(slow.id, slow.bytes, G1)
  const gone = store.delete(slow.id, G1)
  await t.rejects(store.put(broken.id, broken.bytes, G1), /ENOSPC/)
  gate.resolve()
  await t.rejects(put, { code: 'store-failed' })
  await t.rejects(gone, { code: 'store-failed' })
  t.equal(failures.length, 1)
})

t.test("what is the caller's fault or wish, or a bound, stops nothing", async (t) => {
  const { store, failures } = await setUp(t, 1500)
  const { id, bytes } = someChunk(1000)
  await store.put(id, bytes, G2)
  await t.rejects(store.put(id, someBytes(1000), G1), { code: 'chunk-corrupt' })
  await t.rejects(store.put(id, new Uint8Array(0), G1), { code: 'bad-request' })
  await t.rejects(store.put(id, someBytes(CHUNK_BYTES_MAX + 1), G1), { code: 'chunk-too-large' })
  await t.rejects(store.put(id, bytes, G1, { signal: AbortSignal.abort() }), { code: 'aborted' })
  const more = someChunk(1000)
  await t.rejects(store.put(more.id, more.bytes, G1), { code: 'store-full' })
  t.equal(await store.delete(id, G1), false)
  await t.rejects(store.get(more.id), { code: 'chunk-not-found' })
  t.equal(await store.delete(id, G2), true)
  await store.put(more.id, more.bytes, G1)
  t.same(failures, [])
})
