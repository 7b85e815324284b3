import { join } from 'node:path'
import t from 'tap'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { testMetadataStore } from '../conformance/metadata-store.ts'
import { testFolder } from '../kit/test-folder.ts'

await testMetadataStore(t, async (t) => {
  const store = new SqliteMetadataStore({
    file: join(testFolder(t), 'metadata.db'),
    operationsWaitingMax: 1000,
    logger: silentLogger
  })
  await store.open()
  t.teardown(() => store.close())
  return store
})
