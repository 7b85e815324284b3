/** What a synced folder remembers, in a SQLite database within it. */

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { StatementSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { PeerbinError } from '../../errors.ts'
import { STATE_FOLDER } from '../../sync/folder.ts'
import type { BlockRef } from '../../sync/remote.ts'
import type {
  BaseFile,
  LocalBlock,
  LocalDigest,
  PendingArrival,
  PendingCommit,
  PendingMove,
  PendingRemoval,
  PendingRename,
  SavedState,
  StateChange,
  SyncState
} from '../../sync/state.ts'

/** Of the tables below, once all upgrades were made. What was written by a later version is not opened. */
const SCHEMA = 2

const TABLES = `
  CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE base (id TEXT PRIMARY KEY, path TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL) STRICT;
  CREATE TABLE digest (
    number INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, stamp TEXT NOT NULL, settled INTEGER NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE block (file INTEGER NOT NULL, start INTEGER NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (file, start)) STRICT, WITHOUT ROWID;
  CREATE INDEX block_digest ON block (digest);
  CREATE TABLE pending_commit (path TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
  CREATE TABLE pending_arrival (path TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
`

/** By the version that they lead to. */
const UPGRADES: readonly (readonly [version: number, sql: string])[] = [
  [1, TABLES],
  [
    2,
    `CREATE TABLE pending_move (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
     CREATE TABLE pending_removal (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
     CREATE TABLE pending_rename (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;`
  ]
]

/** What is noted before it is done: a table `pending_…` each, by this key. */
const PENDING = { commit: 'path', arrival: 'path', move: 'id', removal: 'id', rename: 'id' } as const
type Pending = keyof typeof PENDING

interface Waiting {
  changes: readonly StateChange[]
  resolve: () => void
  reject: (error: Error) => void
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const number = (value: unknown): number => (typeof value === 'number' ? value : 0)
const hex = (value: unknown): string =>
  value instanceof Uint8Array ? Buffer.from(value).toString('hex') : ''

export class SqliteState implements SyncState {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  #waiting: Waiting[] = []
  #isFlushing = false

  /** @param file undefined: in memory, for a look without a trace. @throws local-file, data-incompatible, local-full */
  constructor(file?: string) {
    this.#database = guarded(() => {
      const database = new DatabaseSync(file ?? ':memory:')
      // an answer of `save` is a promise: synced before it is given
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 2000')
      const version = number(database.prepare('PRAGMA user_version').get()?.['user_version'])
      if (version > SCHEMA) {
        database.close()
        throw new PeerbinError(
          'data-incompatible',
          'the state of this folder is of a later version of peerbin'
        )
      }
      const upgrades = UPGRADES.flatMap(([to, sql]) => (to > version ? sql : []))
      if (upgrades.length > 0)
        database.exec(`BEGIN; ${upgrades.join(' ')} PRAGMA user_version = ${SCHEMA}; COMMIT`)
      return database
    })
  }

  static in(root: string): SqliteState {
    return new SqliteState(join(root, STATE_FOLDER, 'state.db'))
  }

  /** With whom the folder is in step; the first to be named stays. */
  about(name: string, value: string): string {
    return guarded(() => {
      this.#run('INSERT INTO about (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING', name, value)
      return text(this.#statement('SELECT value FROM about WHERE name = ?').get(name)?.['value'])
    })
  }

  async load(): Promise<SavedState> {
    return guarded(() => ({
      base: this.#statement('SELECT * FROM base').all().map(baseOf),
      digests: this.#statement('SELECT * FROM digest').all().map(digestOf),
      commits: this.#pending<PendingCommit>('commit'),
      arrivals: this.#pending<PendingArrival>('arrival'),
      moves: this.#pending<PendingMove>('move'),
      removals: this.#pending<PendingRemoval>('removal'),
      renames: this.#pending<PendingRename>('rename'),
      epoch: this.#epoch()
    }))
  }

  #epoch(): string | undefined {
    const row = this.#statement(`SELECT value FROM about WHERE name = 'epoch'`).get()
    return row === undefined ? undefined : text(row['value'])
  }

  /** What is asked for in one turn of the event loop is one transaction: syncing the disk is what takes time. */
  async save(changes: readonly StateChange[]): Promise<void> {
    const saved = new Promise<void>((resolve, reject) => this.#waiting.push({ changes, resolve, reject }))
    if (!this.#isFlushing) void this.#flush()
    await saved
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true
    while (this.#waiting.length > 0) {
      await setImmediate()
      const group = this.#waiting
      this.#waiting = []
      try {
        guarded(() => this.#apply(group.flatMap(({ changes }) => changes)))
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group)
          reject(error instanceof Error ? error : new PeerbinError('local-file'))
      }
    }
    this.#isFlushing = false
  }

  #apply(changes: readonly StateChange[]): void {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      for (const change of changes) {
        if ('put' in change) this.#put(change)
        else this.#drop(change)
      }
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  #put(change: Extract<StateChange, { put: string }>): void {
    if (change.put === 'base') {
      const { id, path, version, sha256, sizeBytes } = change.file
      this.#run(
        'INSERT OR REPLACE INTO base (id, path, version, sha256, size) VALUES (?, ?, ?, ?, ?)',
        id,
        path,
        version,
        sha256,
        sizeBytes
      )
    } else if (change.put === 'epoch')
      this.#run(`INSERT OR REPLACE INTO about (name, value) VALUES ('epoch', ?)`, change.epoch)
    else if (change.put === 'commit') this.#putPending('commit', change.commit.path, change.commit)
    else if (change.put === 'arrival') this.#putPending('arrival', change.file.path, change.file)
    else if (change.put === 'move') this.#putPending('move', change.move.id, change.move)
    else if (change.put === 'removal') this.#putPending('removal', change.removal.id, change.removal)
    else if (change.put === 'rename') this.#putPending('rename', change.rename.id, change.rename)
    else {
      const { path, stamp, settled, sha256, sizeBytes } = change.file
      this.#dropDigest(path)
      const put = 'INSERT INTO digest (path, stamp, settled, sha256, size) VALUES (?, ?, ?, ?, ?)'
      const { lastInsertRowid } = this.#statement(put).run(path, stamp, settled ? 1 : 0, sha256, sizeBytes)
      let start = 0
      for (const block of change.blocks) {
        const digest = Buffer.from(block.digest, 'hex')
        this.#run(
          'INSERT INTO block (file, start, digest, size) VALUES (?, ?, ?, ?)',
          Number(lastInsertRowid),
          start,
          digest,
          block.sizeBytes
        )
        start += block.sizeBytes
      }
    }
  }

  #drop(change: Extract<StateChange, { drop: string }>): void {
    if (change.drop === 'base') this.#run('DELETE FROM base WHERE id = ?', change.id)
    else if (change.drop === 'digest') this.#dropDigest(change.path)
    else this.#dropPending(change.drop, 'id' in change ? change.id : change.path)
  }

  #pending<T>(kind: Pending): T[] {
    const rows = this.#statement(`SELECT body FROM pending_${kind}`).all()
    return rows.map((row) => JSON.parse(text(row['body'])) as T)
  }

  #putPending(kind: Pending, key: string, body: unknown): void {
    const put = `INSERT OR REPLACE INTO pending_${kind} (${PENDING[kind]}, body) VALUES (?, ?)`
    this.#run(put, key, JSON.stringify(body))
  }

  #dropPending(kind: Pending, key: string): void {
    this.#run(`DELETE FROM pending_${kind} WHERE ${PENDING[kind]} = ?`, key)
  }

  #dropDigest(path: string): void {
    this.#run('DELETE FROM block WHERE file = (SELECT number FROM digest WHERE path = ?)', path)
    this.#run('DELETE FROM digest WHERE path = ?', path)
  }

  async blocks(path: string, stamp: string): Promise<BlockRef[] | undefined> {
    return guarded(() => {
      const file = this.#statement('SELECT number FROM digest WHERE path = ? AND stamp = ?').get(path, stamp)
      if (file === undefined) return undefined
      const rows = this.#statement('SELECT digest, size FROM block WHERE file = ? ORDER BY start')
      return rows
        .all(number(file['number']))
        .map((row) => ({ digest: hex(row['digest']), sizeBytes: number(row['size']) }))
    })
  }

  async find(digests: readonly string[]): Promise<ReadonlyMap<string, LocalBlock>> {
    return guarded(() => {
      const found = new Map<string, LocalBlock>()
      const place = this.#statement(
        `SELECT path, stamp, start, block.size AS size FROM block JOIN digest ON digest.number = block.file WHERE block.digest = ? LIMIT 1`
      )
      for (const digest of digests) {
        const row = place.get(Buffer.from(digest, 'hex'))
        if (row === undefined) continue
        found.set(digest, {
          path: text(row['path']),
          stamp: text(row['stamp']),
          start: number(row['start']),
          sizeBytes: number(row['size'])
        })
      }
      return found
    })
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const prepared = this.#database.prepare(sql)
    this.#statements.set(sql, prepared)
    return prepared
  }

  #run(sql: string, ...values: (string | number | Uint8Array)[]): void {
    this.#statement(sql).run(...values)
  }
}

const baseOf = (row: Record<string, unknown>): BaseFile => ({
  id: text(row['id']) as BaseFile['id'],
  path: text(row['path']),
  version: number(row['version']),
  sha256: text(row['sha256']),
  sizeBytes: number(row['size'])
})

const digestOf = (row: Record<string, unknown>): LocalDigest => ({
  path: text(row['path']),
  stamp: text(row['stamp']),
  settled: row['settled'] === 1,
  sizeBytes: number(row['size']),
  sha256: text(row['sha256'])
})

/** SQLITE_FULL, https://sqlite.org/rescode.html#full */
const SQLITE_FULL = 13

function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof PeerbinError) throw error
    const isFull = error instanceof Error && 'errcode' in error && error.errcode === SQLITE_FULL
    throw new PeerbinError(isFull ? 'local-full' : 'local-file', 'the state of the synced folder', {
      cause: error
    })
  }
}
