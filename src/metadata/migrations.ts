/**
 * How the tables came to be, one step a version. A step is never changed once it was released; a change of the schema is a new step.
 */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Ddl } from './migrations/create-table.ts'
import { toVersion1 } from './migrations/version-1.ts'
import { toVersion2 } from './migrations/version-2.ts'
import { toVersion3 } from './migrations/version-3.ts'
import { toVersion4 } from './migrations/version-4.ts'
import { toVersion5 } from './migrations/version-5.ts'
import { toVersion6 } from './migrations/version-6.ts'
import { toVersion7 } from './migrations/version-7.ts'
import { toVersion8 } from './migrations/version-8.ts'
import { toVersion9 } from './migrations/version-9.ts'
import { toVersion10 } from './migrations/version-10.ts'
import { toVersion11 } from './migrations/version-11.ts'
import { toVersion12 } from './migrations/version-12.ts'
import type { Schema } from './schema.ts'

export const SQLITE_DDL: Ddl = { int: 'integer', bytes: 'blob', tableEnd: sql`without rowid, strict` }

const STEPS: ReadonlyArray<(db: Kysely<Schema>, ddl: Ddl) => Promise<void>> = [
  toVersion1,
  toVersion2,
  toVersion3,
  toVersion4,
  toVersion5,
  toVersion6,
  toVersion7,
  toVersion8,
  toVersion9,
  toVersion10,
  toVersion11,
  toVersion12
]

export const SCHEMA_VERSION = STEPS.length

/** Version of the tables in a database that has them; greater than SCHEMA_VERSION when a newer program made them. */
export async function readSchemaVersion(db: Kysely<Schema>): Promise<number> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', 'schema').executeTakeFirst()
  return row?.value ?? 0
}

/** Brings the tables from version `from` (0: there are none) to the newest. The caller makes one transaction of it. */
export async function migrate(db: Kysely<Schema>, ddl: Ddl, from: number): Promise<void> {
  for (const step of STEPS.slice(from)) await step(db, ddl)
  await db.updateTable('meta').set({ value: SCHEMA_VERSION }).where('key', '=', 'schema').execute()
}
