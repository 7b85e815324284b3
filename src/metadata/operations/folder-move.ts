/** A folder that moves with everything in it: the same few statements for many rows, since each by itself would hold everybody else up for seconds. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { EntryRecords } from '../../metadata-store.ts'
import { uuidBytes } from '../columns.ts'
import { byBytes, foldersAbove, insideOf, movedPath, noSuchFolder, placeOf } from '../entry-rules.ts'
import { MOVED_ROWS } from '../limits.ts'
import type { Schema } from '../schema.ts'
import { LIVE } from './chunks.ts'
import { behindAll } from './entry-list.ts'
import { noteMoves } from './event-notes.ts'

type Id = Uint8Array

interface Move {
  id: Id
  before: string
  path: string
  key: string
}

/** Folders that files are in, by their keys, with how many of what is directly in each comes or goes; grouped by depth, the deepest first. */
class FolderCounts {
  readonly #levels: Array<Map<string, { path: string; count: number }>> = []

  /** One more in the folder that `path` is in; nothing at the top. */
  add(path: string): void {
    const [folder] = foldersAbove(path)
    if (folder === undefined) return
    const depth = folder.split('/').length
    const level = (this.#levels[depth] ??= new Map())
    const { key } = placeOf(folder)
    const known = level.get(key)
    if (known === undefined) level.set(key, { path: folder, count: 1 })
    else known.count++
  }

  /** What is added while one is looked at is in those that follow. */
  *deepestFirst(): Generator<ReadonlyMap<string, { path: string; count: number }>> {
    for (let depth = this.#levels.length - 1; depth > 0; depth--) {
      const level = this.#levels[depth]
      if (level !== undefined && level.size > 0) yield level
    }
  }
}

export async function moveFolder(
  db: Kysely<Schema>,
  request: Parameters<EntryRecords['moveFolder']>[0]
): Promise<number> {
  const { from, to, now, by } = request
  const owner = uuidBytes(request.owner)
  const taken = await takeEntries(db, owner, request)
  const moves = taken
    .map(({ id, path: before }): Move => {
      const path = movedPath(before, from, to)
      return { id, before, path, key: placeOf(path).key }
    })
    .toSorted((a, b) => byBytes(a.key, b.key))
  // if one cannot be had, all of it is taken back
  await releasePaths(db, owner, moves)
  await refuseConflicts(db, owner, moves)
  await claimPaths(db, owner, moves)
  for (const some of inParts(moves)) {
    const rows = some.map(({ id, path, key }) => {
      const { folder, name } = placeOf(key)
      return sql`(${id}, ${path}, ${folder}, ${name})`
    })
    await sql`with moved (id, path, folder, name) as (values ${sql.join(rows)})
      update entries set path = moved.path, folder = moved.folder, name = moved.name, changed_at = ${now}
      from moved where entries.id = moved.id and entries.state = ${LIVE}`.execute(db)
    await noteMoves(db, some, { at: now, by })
  }
  return moves.length
}

function* inParts<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += MOVED_ROWS) yield all.slice(at, at + MOVED_ROWS)
}

/** What is in a folder and below. Their rows are taken: whoever else would change them waits. */
async function takeEntries(
  db: Kysely<Schema>,
  owner: Id,
  { from, limit }: { from: string; limit: number }
): Promise<Array<{ id: Id; path: string }>> {
  const inside = insideOf(from)
  const found = await db
    .selectFrom('entries')
    .select('id')
    .where('owner', '=', owner)
    .where('state', '=', LIVE)
    .where('folder', '>=', inside)
    .where('folder', '<', behindAll(inside))
    .limit(limit + 1)
    .execute()
  if (found.length > limit) throw new PeerbinError('folder-too-large', '', { details: { limit } })
  const taken: Array<{ id: Id; path: string }> = []
  for (const some of inParts(found))
    taken.push(
      ...(await db
        .updateTable('entries')
        .set((eb) => ({ last: eb.ref('last') }))
        .where(
          'id',
          'in',
          some.map(({ id }) => id)
        )
        .where('state', '=', LIVE)
        .where('folder', '>=', inside)
        .where('folder', '<', behindAll(inside))
        .returning(['id', 'path'])
        .execute())
    )
  if (taken.length === 0) throw noSuchFolder()
  return taken
}

/** Folders go with the last that was in them. */
async function releasePaths(db: Kysely<Schema>, owner: Id, moves: readonly Move[]): Promise<void> {
  const counts = new FolderCounts()
  for (const { before } of moves) counts.add(before)
  await deletePaths(
    db,
    owner,
    moves.map(({ before }) => placeOf(before).key)
  )
  for (const level of counts.deepestFirst()) {
    const empty: string[] = []
    for (const some of inParts([...level])) {
      const rows = some.map(([key, { count }]) => sql`(${key}, ${count})`)
      const left = await sql<{
        key: string
        children: number
      }>`with gone (folder, count) as (values ${sql.join(rows)})
        update paths set children = children - gone.count from gone
        where paths.owner = ${owner} and paths.key = gone.folder returning paths.key, paths.children`.execute(
        db
      )
      empty.push(...left.rows.filter(({ children }) => children <= 0).map(({ key }) => key))
    }
    for (const key of empty) counts.add(level.get(key)?.path ?? '')
    await deletePaths(db, owner, empty)
  }
}

async function deletePaths(db: Kysely<Schema>, owner: Id, keys: readonly string[]): Promise<void> {
  for (const some of inParts(keys))
    await db.deleteFrom('paths').where('owner', '=', owner).where('key', 'in', some).execute()
}

/** @throws `path-taken`, `path-conflict` with the first path that cannot be had */
async function refuseConflicts(db: Kysely<Schema>, owner: Id, moves: readonly Move[]): Promise<void> {
  const above = new Set(moves.flatMap(({ path }) => foldersAbove(path).map((each) => placeOf(each).key)))
  const known = new Map<string, 'file' | 'folder'>()
  for (const some of inParts([...moves.map(({ key }) => key), ...above])) {
    const rows = await db
      .selectFrom('paths')
      .select(['key', 'entry'])
      .where('owner', '=', owner)
      .where('key', 'in', some)
      .execute()
    for (const { key, entry } of rows) known.set(key, entry === null ? 'folder' : 'file')
  }
  if (known.size === 0) return
  for (const { path, key } of moves) {
    const there = known.get(key)
    const isBelowFile = foldersAbove(path).some((each) => known.get(placeOf(each).key) === 'file')
    if (there !== undefined || isBelowFile)
      throw new PeerbinError(there === 'file' ? 'path-taken' : 'path-conflict', '', { details: { path } })
  }
}

/** By unique keys: whoever came between is in the way as well. @throws `path-taken`, `path-conflict` */
async function claimPaths(db: Kysely<Schema>, owner: Id, moves: readonly Move[]): Promise<void> {
  const counts = new FolderCounts()
  for (const some of inParts(moves)) {
    const rows = some.map(({ id: entry, path, key }) => {
      counts.add(path)
      return { owner, key, parent: placeOf(key).folder, path, entry, children: 0 }
    })
    const made = await db
      .insertInto('paths')
      .values(rows)
      .onConflict((oc) => oc.columns(['owner', 'key']).doNothing())
      .executeTakeFirst()
    if (made.numInsertedOrUpdatedRows !== BigInt(rows.length)) throw new PeerbinError('path-taken')
  }
  for (const level of counts.deepestFirst())
    for (const some of inParts([...level])) {
      const rows = some.map(([key, { path, count }]) => {
        const { folder: parent } = placeOf(key)
        return { owner, key, parent, path, entry: null, children: count }
      })
      const made = await db
        .insertInto('paths')
        .values(rows)
        .onConflict((oc) =>
          oc
            .columns(['owner', 'key'])
            .doUpdateSet((eb) => ({ children: eb('paths.children', '+', eb.ref('excluded.children')) }))
            .where('paths.entry', 'is', null)
        )
        .returning(['key', 'path', 'children'])
        .execute()
      if (made.length !== rows.length) throw new PeerbinError('path-conflict')
      // of one that was there, so was all above it
      for (const { key, path, children } of made) if (children === level.get(key)?.count) counts.add(path)
    }
}
