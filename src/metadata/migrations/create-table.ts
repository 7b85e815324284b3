/** Tables in the words that SQLite and PostgreSQL share. */

import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import type { Schema } from '../schema.ts'

/** What differs between databases in the definition of tables. */
export interface Ddl {
  int: 'integer' | 'bigint'
  bytes: 'blob' | 'bytea'
  /** Stands after the columns of a table. */
  tableEnd: RawBuilder<unknown>
}

type ColumnKind = 'int' | 'bytes' | 'text'

/** `columns`: kind by name; a name that ends in `?` may be null. */
export async function createTable(
  db: Kysely<Schema>,
  ddl: Ddl,
  name: string,
  key: readonly string[],
  columns: Record<string, ColumnKind>
): Promise<void> {
  const definitions = Object.entries(columns).map(([column, kind]) => {
    const type = sql.raw(kind === 'text' ? 'text' : ddl[kind])
    return column.endsWith('?')
      ? sql`${sql.ref(column.slice(0, -1))} ${type}`
      : sql`${sql.ref(column)} ${type} not null`
  })
  const primaryKey = sql`primary key (${sql.join(key.map((column) => sql.ref(column)))})`
  const body = sql.join([...definitions, primaryKey])
  await sql`create table ${sql.table(name)} (${body}) ${ddl.tableEnd}`.execute(db)
}
