/**
 * Kysely over `node:sqlite`: one connection, one cache of prepared statements. Transactions are not made here: group-commit.ts owns them, because many
 * operations share one.
 */

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely'

/** Prepared statements kept. The operations have about 80; lists of parameters of different lengths make more. */
const STATEMENTS_MAX = 256

export const nodeSqliteDialect = (database: DatabaseSync): Dialect => ({
  createDriver: () => new NodeSqliteDriver(database),
  createQueryCompiler: () => new SqliteQueryCompiler(),
  createAdapter: () => new SqliteAdapter(),
  createIntrospector: (db) => new SqliteIntrospector(db)
})

class NodeSqliteDriver implements Driver {
  readonly #connection: NodeSqliteConnection

  constructor(database: DatabaseSync) {
    this.#connection = new NodeSqliteConnection(database)
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection
  }

  async releaseConnection(): Promise<void> {}

  async beginTransaction(): Promise<void> {
    throw noTransaction()
  }

  async commitTransaction(): Promise<void> {
    throw noTransaction()
  }

  async rollbackTransaction(): Promise<void> {
    throw noTransaction()
  }

  /** The database is closed by who opened it. */
  async destroy(): Promise<void> {
    this.#connection.forget()
  }
}

const noTransaction = (): Error => new Error('operations run inside the transaction of their batch')

interface Prepared {
  statement: StatementSync
  /** Whether it answers rows: a select, or `returning`. */
  isReader: boolean
}

class NodeSqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync
  /** In order of last use. */
  readonly #prepared = new Map<string, Prepared>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** Runs at once: the promise is there for Kysely. */
  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { statement, isReader } = this.#prepare(sql)
    // what Kysely compiled for this schema holds numbers, text, bytes and null only
    const values = parameters as SQLInputValue[]
    if (isReader) return { rows: statement.all(...values) as R[] }
    return { rows: [], numAffectedRows: BigInt(statement.run(...values).changes) }
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncGenerator<QueryResult<R>> {
    yield await this.executeQuery<R>(query)
  }

  forget(): void {
    this.#prepared.clear()
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql)
    if (known !== undefined) {
      this.#prepared.delete(sql)
      this.#prepared.set(sql, known)
      return known
    }
    const statement = this.#database.prepare(sql)
    const prepared = { statement, isReader: statement.columns().length > 0 }
    this.#prepared.set(sql, prepared)
    const oldest = this.#prepared.keys().next()
    if (this.#prepared.size > STATEMENTS_MAX && oldest.done !== true) this.#prepared.delete(oldest.value)
    return prepared
  }
}
