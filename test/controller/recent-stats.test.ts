import t from 'tap'
import { RecentStats } from '../../src/controller/recent-stats.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { ManualClock } from '../kit/manual-clock.ts'

/** Counts slowly, on a clock that moves while it does. */
async function slowStore(tookMs: number) {
  const clock = new ManualClock()
  const inner = new MemoryMetadataStore()
  await inner.open()
  const store = {
    counts: 0,
    stats: async (copies: number) => {
      store.counts++
      await clock.advance(tookMs)
      return await inner.stats(copies)
    }
  }
  return { clock, store, recent: new RecentStats({ store, clock }) }
}

t.test('those who ask together share one count', async (t) => {
  const { store, recent } = await slowStore(100)
  await Promise.all(Array.from({ length: 50 }, () => recent.get(3)))
  t.equal(store.counts, 1)
})

t.test('a count that took long is kept for longer, one that took nothing is not', async (t) => {
  const { clock, store, recent } = await slowStore(100)
  await recent.get(3)
  await clock.advance(1999)
  await recent.get(3)
  t.equal(store.counts, 1)
  await clock.advance(1)
  await recent.get(3)
  t.equal(store.counts, 2)
  const quick = await slowStore(0)
  await quick.recent.get(3)
  await quick.recent.get(3)
  t.equal(quick.store.counts, 2)
})

t.test('another number of copies is another question', async (t) => {
  const { store, recent } = await slowStore(100)
  await recent.get(3)
  await recent.get(2)
  t.equal(store.counts, 2)
})
