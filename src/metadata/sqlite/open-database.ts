/** Opens the file of the metadata, or makes it; says clearly when another process has it or when it cannot be read. */

import { existsSync, linkSync, openSync, closeSync, fsyncSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import { SCHEMA_VERSION, SQLITE_DDL, migrate, readSchemaVersion } from '../migrations.ts'
import type { Schema } from '../schema.ts'
import { nodeSqliteDialect } from './dialect.ts'
import { isDamaged, isInUse, isSqliteError } from './sqlite-errors.ts'

export const IN_MEMORY = ':memory:'

/** Marks the file as ours, in its header: "pbin". https://www.sqlite.org/pragma.html#pragma_application_id */
export const APPLICATION_ID = 0x7062696e

/** A file up to this size is checked through and through at opening, which takes about a second; damage in a larger one is found where it is met. */
const CHECKED_BYTES_MAX = 256 * 1024 * 1024

export interface OpenDatabase {
  database: DatabaseSync
  db: Kysely<Schema>
}

/** @throws `data-in-use`, `data-incompatible` (damaged, not ours, or of a newer program), `store-failed` */
export async function openDatabase(file: string): Promise<OpenDatabase> {
  try {
    if (file === IN_MEMORY) return await openInMemory()
    if (!existsSync(file)) await createFile(file)
    return await openFile(file)
  } catch (error) {
    throw understood(file, error)
  }
}

export function understood(file: string, error: unknown): unknown {
  const options = { cause: error }
  if (isInUse(error)) return new PeerbinError('data-in-use', `${file} is in use by another process`, options)
  if (isDamaged(error)) return damaged(file, error)
  if (isSqliteError(error)) return new PeerbinError('store-failed', `${file} cannot be opened`, options)
  return error
}

export const damaged = (file: string, cause?: unknown): PeerbinError =>
  incompatible(file, 'it is damaged or not the metadata of peerbin, and was left as it is', cause)

export const incompatible = (file: string, why: string, cause?: unknown): PeerbinError =>
  new PeerbinError('data-incompatible', `${file} cannot be used: ${why}`, { cause })

export const kyselyOver = (database: DatabaseSync): Kysely<Schema> =>
  new Kysely<Schema>({ dialect: nodeSqliteDialect(database) })

async function openInMemory(): Promise<OpenDatabase> {
  const database = new DatabaseSync(IN_MEMORY)
  database.exec(`pragma application_id = ${APPLICATION_ID}`) // a snapshot of it may become a file
  const db = kyselyOver(database)
  await migrate(db, SQLITE_DDL, 0)
  return { database, db }
}

/**
 * Makes the file under another name and links it into place when it is complete. So a file that is there is always meant to be whole, and an empty or cut one
 * is never taken for a new one.
 */
async function createFile(file: string): Promise<void> {
  if (existsSync(`${file}-wal`))
    throw incompatible(file, 'its write-ahead log is there, and the file itself is not')
  const draft = `${file}.new`
  rmSync(draft, { force: true })
  const database = new DatabaseSync(draft)
  try {
    // no journal and no sync yet: a draft that was not finished is thrown away
    database.exec('pragma journal_mode = off; pragma synchronous = off')
    database.exec(`pragma application_id = ${APPLICATION_ID}; begin`)
    await migrate(kyselyOver(database), SQLITE_DDL, 0)
    database.exec('commit')
  } finally {
    database.close()
  }
  putInPlace(draft, file)
}

/** Makes a complete draft the file, durably. */
export function putInPlace(draft: string, file: string): void {
  syncPath(draft)
  linkSync(draft, file) // unlike a rename it fails when another process was first
  rmSync(draft)
  syncPath(dirname(file))
}

function syncPath(path: string): void {
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

async function openFile(file: string): Promise<OpenDatabase> {
  const database = new DatabaseSync(file)
  try {
    database.exec('pragma locking_mode = exclusive')
    if (numberOf(database, 'pragma application_id') !== APPLICATION_ID) throw damaged(file)
    database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma cell_size_check = on')
    database.exec('begin immediate; commit') // takes the lock now, not at the first operation
    checkPages(file, database)
    const db = kyselyOver(database)
    await bringToVersion(database, db, await knownVersion(file, db))
    return { database, db }
  } catch (error) {
    database.close()
    throw error
  }
}

/** @throws `data-incompatible` for one that this program does not know */
export async function knownVersion(file: string, db: Kysely<Schema>): Promise<number> {
  const version = await readSchemaVersion(db)
  if (version >= 1 && version <= SCHEMA_VERSION) return version
  throw incompatible(file, `it has schema version ${version}, and this program knows 1 to ${SCHEMA_VERSION}`)
}

export async function bringToVersion(
  database: DatabaseSync,
  db: Kysely<Schema>,
  version: number
): Promise<void> {
  if (version === SCHEMA_VERSION) return
  database.exec('begin immediate')
  await migrate(db, SQLITE_DDL, version)
  database.exec('commit')
}

export function checkPages(file: string, database: DatabaseSync): void {
  const sizeBytes = numberOf(database, 'pragma page_count') * numberOf(database, 'pragma page_size')
  if (sizeBytes > CHECKED_BYTES_MAX) return
  const first = Object.values(database.prepare('pragma quick_check(1)').get() ?? {})[0]
  if (first !== 'ok') throw damaged(file, first)
}

export function numberOf(database: DatabaseSync, sql: string): number {
  const value = Object.values(database.prepare(sql).get() ?? {})[0]
  return typeof value === 'number' ? value : 0
}
