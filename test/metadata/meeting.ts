/**
 * What PostgreSQL does and SQLite never does: another transaction comes between the first look of an operation and its first write. A second operation
 * runs at each such point, and the first must then decide by the row it writes, not by what it saw. (Once it has written it holds the row, and the
 * other one would have to wait.)
 */

import { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import type { Dialect, Driver } from 'kysely'
import { asPeerbinError } from '../../src/errors.ts'
import { SQLITE_DDL, migrate } from '../../src/metadata/migrations.ts'
import type { Schema } from '../../src/metadata/schema.ts'
import { nodeSqliteDialect } from '../../src/metadata/sqlite/dialect.ts'

export type Run = (db: Kysely<Schema>) => Promise<unknown>

/** A dialect that calls `before` with the SQL of each statement. */
function hooked(database: DatabaseSync, before: (sql: string) => Promise<void>): Dialect {
  const inner = nodeSqliteDialect(database)
  return {
    ...inner,
    createDriver: (): Driver => {
      const driver = inner.createDriver()
      return {
        ...passOn(driver),
        acquireConnection: async () => {
          const connection = await driver.acquireConnection()
          return {
            executeQuery: async (query) => {
              await before(query.sql)
              return await connection.executeQuery(query)
            },
            streamQuery: (query, size) => connection.streamQuery(query, size)
          }
        }
      }
    }
  }
}

const passOn = (driver: Driver): Driver => ({
  init: () => driver.init(),
  acquireConnection: () => driver.acquireConnection(),
  releaseConnection: (connection) => driver.releaseConnection(connection),
  beginTransaction: (connection, settings) => driver.beginTransaction(connection, settings),
  commitTransaction: (connection) => driver.commitTransaction(connection),
  rollbackTransaction: (connection) => driver.rollbackTransaction(connection),
  destroy: () => driver.destroy()
})

const outcome = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    return await promise
  } catch (error) {
    return asPeerbinError(error).code
  }
}

export interface Meeting {
  database: DatabaseSync
  first: unknown
  second: unknown
  plain: Kysely<Schema>
}

/**
 * Runs `first` in a savepoint, with `second` before its statement number `at` unless it has written by then; undefined when there is no such point, 'over' past the last statement.
 * A savepoint, as in the batch: what is refused takes back what it did.
 */
export async function meet(
  prepare: Run,
  first: Run,
  second: Run,
  at: number
): Promise<Meeting | undefined | 'over'> {
  const database = new DatabaseSync(':memory:')
  const plain = new Kysely<Schema>({ dialect: nodeSqliteDialect(database) })
  await migrate(plain, SQLITE_DDL, 0)
  await prepare(plain)
  let statements = 0
  let hasWritten = false
  let met: { second: unknown } | undefined
  const db = new Kysely<Schema>({
    dialect: hooked(database, async (sql) => {
      if (statements++ === at && !hasWritten)
        met = { second: await outcome(savepoint(database, plain, second)) }
      hasWritten ||= !sql.startsWith('select')
    })
  })
  const answer = await outcome(savepoint(database, db, first))
  if (met === undefined) {
    database.close()
    return statements > at ? undefined : 'over'
  }
  return { database, first: answer, second: met.second, plain }
}

async function savepoint(database: DatabaseSync, db: Kysely<Schema>, run: Run): Promise<unknown> {
  const name = `s${depth++}`
  database.exec(`savepoint ${name}`)
  try {
    return await run(db)
  } catch (error) {
    database.exec(`rollback to ${name}`)
    throw error
  } finally {
    database.exec(`release ${name}`)
  }
}
let depth = 0
