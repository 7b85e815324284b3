import t from 'tap'
import { LimitedChunkStore } from '../../../src/node/store/limited.ts'
import { MemoryChunkStore } from '../../../src/node/store/memory-chunk-store.ts'
import { G1, someChunk } from '../../conformance/chunk-store-kit.ts'
import { FaultyChunkStore } from '../../kit/faulty-chunk-store.ts'
import { ManualClock } from '../../kit/manual-clock.ts'

t.test('only so many puts and gets run at once, so many wait, and more are turned away', async (t) => {
  const faulty = new FaultyChunkStore({ store: new MemoryChunkStore({ clock: new ManualClock() }) })
  const store = new LimitedChunkStore({ store: faulty, putsMax: 2, getsMax: 1, waitersMax: 1 })
  await store.open()
  const gate = Promise.withResolvers<void>()
  const running = { put: 0, get: 0 }
  faulty.before = async (operation) => {
    if (operation !== 'put' && operation !== 'get') return
    running[operation]++
    await gate.promise
  }
  const chunks = [someChunk(), someChunk(), someChunk()]
  const puts = chunks.map(({ id, bytes }) => store.put(id, bytes, G1))
  const { id, bytes } = someChunk()
  await t.rejects(store.put(id, bytes, G1), { code: 'busy' })
  const gets = chunks.slice(0, 1).map((chunk) => store.get(chunk.id))
  const waiting = new AbortController()
  const given = store.get(id, { signal: waiting.signal })
  await t.rejects(store.get(id), { code: 'busy' })
  waiting.abort()
  await t.rejects(given, { code: 'aborted' }, 'a waiter may leave')
  t.same(running, { put: 2, get: 1 })
  t.equal(await store.stat(id), undefined, 'what reads records does not wait')
  gate.resolve()
  await Promise.all([...puts, ...gets.map((get) => get.catch(() => undefined))])
  t.same(running, { put: 3, get: 1 })
  await t.rejects(store.get(id), { code: 'chunk-not-found' }, 'places come back after failures')
  await t.rejects(store.get(id), { code: 'chunk-not-found' })
  await store.put(id, bytes, G1)
})
