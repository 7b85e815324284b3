/** The operations are many rows apart from each other in speed when an index is missed; SQLite says which it uses. */

import { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import t from 'tap'
import { SQLITE_DDL, migrate } from '../../src/metadata/migrations.ts'
import type { Schema } from '../../src/metadata/schema.ts'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import { nodeSqliteDialect } from '../../src/metadata/sqlite/dialect.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import {
  EXPIRY,
  LEASE_MS,
  START,
  addFile,
  chunk,
  claim,
  collectAll,
  find,
  node,
  openUpload,
  peer,
  prepareFile,
  release,
  report,
  revoke,
  settleAll,
  uploadId
} from '../conformance/metadata-fixture.ts'

/** Every operation but `stats`, in a short life of a few files. */
async function doEverything(store: SqliteMetadataStore): Promise<void> {
  await store.recordNodes([node(1)])
  await store.listNodes()
  await store.advanceTime(START)
  const file = await addFile(store, 'a', { downloads: 2 })
  await addFile(store, 'b')
  await prepareFile(store, 'c')
  await claim(store, 'a', 'me')
  await report(store, 'a', 'me', { ranges: [{ start: 0, end: 20 }], bytesSent: 20 })
  await claim(store, 'a', 'you')
  await release(store, 'a', 'you')
  await find(store, 'a', 'me')
  await store.listFileChunks(file.id, 0, 10)
  await store.listOwed(3, chunk('x'), 10)
  await store.listOwed(2, undefined, 10)
  const copy = { peer: peer(1), chunk: file.manifest }
  for (const { generation } of await store.listFileChunks(file.id, 0, 1))
    await store.dropCopy({ ...copy, generation })
  await store.listStaleUploads(EXPIRY, 10)
  await store.abandonUpload(uploadId('c'))
  await revoke(store, 'b')
  await settleAll(store, START + LEASE_MS)
  await settleAll(store, EXPIRY)
  await collectAll(store)
  await openUpload(store, 'd')
  await store.purgeTombstones(EXPIRY * 2, 10)
}

t.test('no operation looks at all rows of a table that grows', async (t) => {
  const store = new SqliteMetadataStore({
    file: ':memory:',
    operationsWaitingMax: 1000,
    logger: silentLogger
  })
  await store.open() // a migration may look at all rows, once
  const statements = new Set<string>()
  // oxlint-disable-next-line typescript/unbound-method -- it is called with its `this` below
  const prepare = DatabaseSync.prototype.prepare
  DatabaseSync.prototype.prepare = function (sql: string) {
    statements.add(sql)
    return prepare.call(this, sql)
  }
  await doEverything(store)
  await store.close()
  DatabaseSync.prototype.prepare = prepare

  const database = new DatabaseSync(':memory:')
  await migrate(new Kysely<Schema>({ dialect: nodeSqliteDialect(database) }), SQLITE_DDL, 0)
  const queries = [...statements].filter((sql) => /^(?:select|update|insert|delete)/.test(sql))
  t.ok(queries.length > 60, `${queries.length} statements`)
  for (const sql of queries) {
    const plan = database
      .prepare(`explain query plan ${sql}`)
      .all()
      .map((row) => String(row['detail']))
    // a scan along a partial index sees only the rows the index is for; nodes and names are as many as machines
    const scans = plan.filter((step) =>
      /SCAN (?!\d+-ROW VALUES|\w+ USING (?:COVERING )?INDEX (?:chunks_|files_|links_|uploads_|claims_))/.test(
        step
      )
    )
    const sorts = plan.filter((step) => step.includes('TEMP B-TREE FOR ORDER BY'))
    const isSmall = /"(?:nodes|names)"/.test(sql) && !/"copies"/.test(sql)
    if (!isSmall) t.strictSame([...scans, ...sorts], [], sql)
  }
  database.close()
})
