import t from 'tap'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { testMetadataStore } from '../conformance/metadata-store.ts'

await testMetadataStore(t, async (t) => {
  const store = new MemoryMetadataStore()
  await store.open()
  t.teardown(() => store.close())
  return store
})
