/** What goes on behind users' files, step by step. */

import t from 'tap'
import { Membership } from '../../src/cluster/membership.ts'
import { createStatusSettler } from '../../src/controller/files/workers.ts'
import { StoreTime } from '../../src/controller/store-time.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { parseConfig } from '../../src/config.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { addEntry, entryId } from '../conformance/entry-fixture.ts'
import { member } from './members.ts'

t.test('uploads that owe copies for long are looked at without haste', async (t) => {
  const store = new MemoryMetadataStore()
  await store.open()
  t.teardown(() => store.close())
  const config = parseConfig({ controller: { batchMax: 1 } })
  const membership = new Membership({ clock: systemClock, ...config.heartbeat })
  for (const name of ['a', 'b', 'c']) membership.observe(member(name))
  const repair = { drainOf: () => null, retired: () => [] }
  const time = new StoreTime(systemClock)
  const settler = createStatusSettler({ store, time, config, membership, repair })
  const { signal } = new AbortController()
  const names = ['a', 'b']
  for (const name of names) await addEntry(store, name, { peers: [1, 2] })
  t.match(await settler.step(signal), { retryAfterMs: Number }, 'there are more, and nothing changed')
  t.equal(await settler.step(signal), 'idle')
  await addEntry(store, 'c', { peers: [1, 2, 3] })
  for (let step = 0; step < 6; step++) await settler.step(signal)
  t.match(await store.getEntry(entryId('c')), { current: { status: 'uploaded_successfully' } })
})
