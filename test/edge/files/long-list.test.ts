/** A user with 100,000 files: each page is looked up by an index, and none of them looks at the others. */

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import t from 'tap'
import { SQLITE_DDL, migrate } from '../../../src/metadata/migrations.ts'
import type { Schema } from '../../../src/metadata/schema.ts'
import { SqliteMetadataStore } from '../../../src/metadata/sqlite-metadata-store.ts'
import { nodeSqliteDialect } from '../../../src/metadata/sqlite/dialect.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { testFolder } from '../../kit/test-folder.ts'
import { newAdmin } from '../accounts/accounts-kit.ts'
import { startEdges } from '../edge-cluster.ts'
import { list } from './files-kit.ts'

const FILES = 100_000
const FOLDERS = 50
const OWNER = '11111111-1111-4111-8111-111111111111'
const PAGE = 40
/** Each is that of so many files. */
const SIZES = 1000
const SIZE = `(i * 7919) % ${SIZES}`

/** Straight into the tables, as many as a walk through the front door would take minutes for. */
function insert(file: string): void {
  const database = new DatabaseSync(file)
  const owner = `unhex('${OWNER.replaceAll('-', '')}')`
  const id = "unhex(printf('%08x000040008000000000000000', i))"
  const content = `unhex(printf('%08x0000400080000000ffffffff', ${SIZE}))`
  const numbers = `with recursive numbers(i) as (select 0 union all select i + 1 from numbers where i < ${FILES - 1})`
  const folder = `printf('folder-%02d/', i % ${FOLDERS})`
  const name = "printf('file-%06d.txt', i)"
  database.exec(`
    pragma synchronous = off; pragma cache_size = -200000;
    ${numbers} insert into entries (id, owner, state, path, folder, name, last, shown, stored, failed, size, shares, created_at, changed_at)
      select ${id}, ${owner}, 'live', ${folder} || ${name}, ${folder}, ${name}, 1, 1, 1, 0, ${SIZE}, 0, 1000, 1000 + i % 777 from numbers;
    ${numbers} insert into versions (entry, number, status, file, uploaded_at, attempts, checked)
      select ${id}, 1, 'uploaded_successfully', ${content}, 1000, 1, 0 from numbers;
    with recursive sizes(size) as (select 0 union all select size + 1 from sizes where size < ${SIZES - 1})
      insert into files (id, state, name, size, media_type, sha256, uploaded_at, metadata, chunk_count, manifest, links, link_rows)
      select ${content.replace(SIZE, 'size')}, 'live', 'a', size, 'a/b', zeroblob(32), 1000, '{"v":1,"pairs":{}}', 1, zeroblob(32), ${FILES / SIZES}, ${FILES / SIZES} from sizes;
    with recursive numbers(i) as (select 0 union all select i + 1 from numbers where i < ${FOLDERS - 1})
      insert into paths (owner, key, parent, path, children)
      select ${owner}, printf('folder-%02d', i), '', printf('folder-%02d', i), ${FILES / FOLDERS} from numbers;
  `)
  database.close()
}

t.test('a page of many files looks at no more than it shows', async (t) => {
  const file = join(testFolder(t), 'metadata.sqlite')
  const options = { file, operationsWaitingMax: 1000, logger: silentLogger }
  const empty = new SqliteMetadataStore(options)
  await empty.open()
  await empty.close()
  insert(file)
  const store = new SqliteMetadataStore(options)
  await store.open()
  // nobody is to copy all of it meanwhile
  const edges = await startEdges(t, { metadata: store, config: { snapshot: { nodes: 0 } } })
  const url = edges.url()
  const { token } = await newAdmin(edges, 'root')

  const statements = new Set<string>()
  // oxlint-disable-next-line typescript/unbound-method -- it is called with its `this` below
  const prepare = DatabaseSync.prototype.prepare
  DatabaseSync.prototype.prepare = function (sql: string) {
    if (sql.startsWith('select') && /"(?:entries|paths)"/.test(sql)) statements.add(sql)
    return prepare.call(this, sql)
  }
  const queries = [`owner=${OWNER}&recursive=1`, `owner=${OWNER}&folder=folder-07`, 'owner=*']
  for (const of of queries) {
    for (const sort of ['name', 'date', 'size']) {
      for (const order of ['asc', 'desc']) {
        const query = `${of}&sort=${sort}&order=${order}&limit=${PAGE}`
        const seen: string[] = []
        const sizes: number[] = []
        for (let page = 0, after = ''; page < 3; page++) {
          const { files, next } = await list(url, token, query + after)
          t.equal(files.length, PAGE, query)
          seen.push(...files.map(({ file_id: id }) => id))
          if (sort === 'size') sizes.push(...files.map(({ file_size: size }) => Number(size)))
          after = `&after=${next ?? ''}`
        }
        t.equal(new Set(seen).size, 3 * PAGE, `${query}: nothing comes twice`)
        const inOrder = sizes.toSorted((a, b) => (order === 'asc' ? a - b : b - a))
        t.same(sizes, inOrder, `${query}: in order`)
      }
    }
  }
  const { folders } = await list(url, token, `owner=${OWNER}`)
  t.equal(folders.length, FOLDERS)
  const near = await list(url, token, `owner=${OWNER}&search=FILE-000050&folder=folder-00`)
  t.same(
    near.files.map(({ path }) => path),
    ['folder-00/file-000050.txt']
  )
  DatabaseSync.prototype.prepare = prepare

  const database = new DatabaseSync(':memory:')
  await migrate(new Kysely<Schema>({ dialect: nodeSqliteDialect(database) }), SQLITE_DDL, 0)
  t.ok(statements.size >= 18, `${statements.size} statements`)
  for (const sql of statements) {
    const plan = database
      .prepare(`explain query plan ${sql}`)
      .all()
      .map((row) => String(row['detail']))
    // along an index from where the page begins, and by it in order
    t.strictSame(
      plan.filter((step) => /TEMP B-TREE|SCAN (?!entries USING (?:COVERING )?INDEX entries_)/.test(step)),
      [],
      sql
    )
    t.match(sql, /limit \?|"id" (?:=|in)/, 'every one of them is bounded')
  }
  database.close()
})
