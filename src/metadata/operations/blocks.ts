/** Blocks: chunks that a user has stored before the file they are for. A row is one reference on its chunk, as a piece is. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { BlockRecords, CommittedVersion, SpaceKey } from '../../metadata-store.ts'
import type { ChunkId, FileId, Generation } from '../../types.ts'
import { chunkBytes, decodeCommitted, entryOf, hexOf, markOf, uuidBytes } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { LIVE, addReference, copiesByDigest, countReference, removeReferences } from './chunks.ts'
import { inBoots } from './lacking.ts'
import { numbersOf } from './counters.ts'
import { changeStaged, makeSpace, takeStaged } from './space.ts'
import { openHolder } from './uploads.ts'

type Request<Name extends keyof BlockRecords> = Parameters<BlockRecords[Name]>[0]
type Digest = Uint8Array

/** The later of what is stored and this. */
const until = (at: number) =>
  sql<number>`case when blocks.expires_at > ${at} then blocks.expires_at else ${at} end`

export async function reserveBlock(
  db: Kysely<Schema>,
  { space, chunk, sizeBytes: size, bytesMax, blocksMax, expiresAt }: Request<'reserveBlock'>
): ReturnType<BlockRecords['reserveBlock']> {
  const digest = chunkBytes(chunk)
  const known = await db
    .updateTable('blocks')
    .set({ expires_at: until(expiresAt) })
    .where('space', '=', space)
    .where('digest', '=', digest)
    .returning(['generation', 'size', 'staged'])
    .executeTakeFirst()
  if (known !== undefined && known.size !== size) throw new PeerbinError('upload-conflict')
  const generation = (known?.generation ?? (await addBlock())) as Generation
  const copies = await copiesByDigest(db, [digest])
  return { generation, copies: copies(digest), staged: known?.staged === 1 }

  async function addBlock(): Promise<number> {
    await makeSpace(db, space)
    await takeStaged(db, space, { bytes: size, bytesMax, blocksMax })
    const added = await addReference(db, digest, size)
    const inserted = await db
      .insertInto('blocks')
      .values({ space, digest, generation: added, size, staged: 0, expires_at: expiresAt })
      .onConflict((oc) => oc.columns(['space', 'digest']).doNothing())
      .executeTakeFirst()
    // another transaction was first: all of this one is taken back
    if (inserted.numInsertedOrUpdatedRows !== 1n) throw new PeerbinError('busy')
    return added
  }
}

export async function stageBlock(
  db: Kysely<Schema>,
  { space, chunk, generation, expiresAt, rule }: Request<'stageBlock'>
): Promise<void> {
  const digest = chunkBytes(chunk)
  const staged = await db
    .updateTable('blocks')
    .set({ staged: 1, expires_at: until(expiresAt) })
    .where('space', '=', space)
    .where('digest', '=', digest)
    .where('generation', '=', generation)
    .executeTakeFirst()
  if (staged.numUpdatedRows !== 1n) throw new PeerbinError('upload-unknown')
  const sure = await db
    .selectFrom('copies')
    .select(['copies.host'])
    .where('digest', '=', digest)
    .where('generation', '=', generation)
    .where(inBoots(await numbersOf(db, rule.boots)))
    .execute()
  const hosts = new Set(sure.map(({ host }) => host))
  if (sure.length < rule.copiesMin || hosts.size < rule.hostsMin) throw new PeerbinError('copies-missing')
}

/** Size of each that the space possesses, by hex of the digest. Staged ones are looked at first: a commit that lets one go makes it content in the same step. */
async function owned(
  db: Kysely<Schema>,
  space: SpaceKey,
  digests: readonly Digest[],
  expiresAt: number
): Promise<Map<string, number>> {
  if (digests.length === 0) return new Map()
  const staged = await db
    .updateTable('blocks')
    .set({ expires_at: until(expiresAt) })
    .where('space', '=', space)
    .where('digest', 'in', digests)
    .where('staged', '=', 1)
    .returning(['digest', 'size'])
    .execute()
  const sizes = new Map(staged.map(({ digest, size }) => [hexOf(digest), size]))
  for (const digest of digests) {
    if (sizes.has(hexOf(digest))) continue
    const found = await contentOf(db, space, digest) // one by one: the first piece of each is enough
    if (found !== undefined) sizes.set(hexOf(digest), found.size)
  }
  return sizes
}

/** A piece of a file that counts in the space. Holder by holder: one that does not count, of a file that was deleted a moment ago, may have the digest a hundred thousand times. */
async function contentOf(
  db: Kysely<Schema>,
  space: SpaceKey,
  digest: Digest
): Promise<{ size: number } | undefined> {
  for (let above = -1; ;) {
    const piece = await db
      .selectFrom('pieces')
      .select(['holder', 'size'])
      .where('mark', '=', markOf(space, digest))
      .where('digest', '=', digest)
      .where('holder', '>', above)
      .orderBy('holder')
      .limit(1)
      .executeTakeFirst()
    if (piece === undefined) return undefined
    const counted = await db
      .selectFrom('files')
      .select('id')
      .where('holder', '=', piece.holder)
      .where('space', '=', space)
      .where('state', '=', LIVE)
      .where('counted', '=', 1)
      .limit(1)
      .executeTakeFirst()
    if (counted !== undefined) return piece
    above = piece.holder
  }
}

export async function ownedBlocks(
  db: Kysely<Schema>,
  { space, chunks, expiresAt }: Request<'ownedBlocks'>
): Promise<ChunkId[]> {
  const sizes = await owned(db, space, chunks.map(chunkBytes), expiresAt)
  return chunks.filter((chunk) => sizes.has(hexOf(chunkBytes(chunk))))
}

export async function takeBlocks(
  db: Kysely<Schema>,
  { upload, from, blocks, expiresAt, stagedUntil }: Request<'takeBlocks'>
): Promise<{ missing: ChunkId[] }> {
  const { holder, writer, space } = await openHolder(db, uuidBytes(upload), expiresAt)
  if (writer !== null || space === 'anonymous') throw new PeerbinError('upload-conflict')
  const digests = new Map(blocks.map(({ chunk }) => [chunk, chunkBytes(chunk)]))
  const sizes = await owned(db, space, [...digests.values()], stagedUntil)
  const sizeOf = (chunk: ChunkId): number | undefined => sizes.get(hexOf(chunkBytes(chunk)))
  const missing = [...digests.keys()].filter((chunk) => sizeOf(chunk) === undefined)
  if (missing.length > 0) return { missing }
  if (blocks.some(({ chunk, sizeBytes }) => sizeOf(chunk) !== sizeBytes))
    throw new PeerbinError('invalid-field', 'blocks: a size is not that of its block')
  const there = await piecesAt(db, holder, from, blocks.length)
  const wanted = blocks.map(({ chunk, sizeBytes: size }, i) => ({
    holder,
    idx: from + i,
    digest: chunkBytes(chunk),
    size
  }))
  for (const { idx, digest } of wanted) {
    const piece = there.get(idx)
    if (piece !== undefined && Buffer.compare(piece, digest) !== 0) throw new PeerbinError('upload-conflict')
  }
  await addPieces(
    db,
    space,
    wanted.filter(({ idx }) => !there.has(idx))
  )
  return { missing: [] }
}

const piecesAt = async (db: Kysely<Schema>, holder: number, from: number, count: number) =>
  new Map(
    (
      await db
        .selectFrom('pieces')
        .select(['idx', 'digest'])
        .where('holder', '=', holder)
        .where('idx', '>=', from)
        .where('idx', '<', from + count)
        .execute()
    ).map(({ idx, digest }) => [idx, digest])
  )

interface NewPiece {
  holder: number
  idx: number
  digest: Digest
  size: number
}

/** Never starts a life: a chunk that somebody possesses has a reference, and one that lost its last since it was looked at is gone. */
async function addPieces(db: Kysely<Schema>, space: SpaceKey, pieces: readonly NewPiece[]): Promise<void> {
  const byDigest = Map.groupBy(pieces, ({ digest }) => hexOf(digest))
  for (const [, same] of [...byDigest].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const [first] = same
    if (first === undefined) continue
    const generation = await countReference(db, first.digest, first.size, same.length)
    if (generation === undefined) throw new PeerbinError('busy', 'a block was let go at this moment')
    const mark = markOf(space, first.digest)
    for (const piece of same)
      await db
        .insertInto('pieces')
        .values({ ...piece, generation, mark })
        .execute()
  }
}

/** Staged blocks of the space that are among these pieces of a holder. */
export async function releaseStaged(
  db: Kysely<Schema>,
  space: SpaceKey,
  { holder, from, limit }: { holder: number; from: number; limit: number }
): Promise<number> {
  const gone = await db
    .deleteFrom('blocks')
    .where('space', '=', space)
    .where('staged', '=', 1)
    .where('digest', 'in', (eb) =>
      eb
        .selectFrom('pieces')
        .select('pieces.digest')
        .where('holder', '=', holder)
        .where('idx', '>=', from)
        .where('idx', '<', from + limit)
    )
    .returning(['digest', 'size'])
    .execute()
  await letGo(db, space, gone)
  return gone.length
}

/** Bytes of the staged blocks of the space that are among a holder's pieces. */
export async function stagedOf(db: Kysely<Schema>, space: SpaceKey, holder: number): Promise<number> {
  const { bytes } = await db
    .selectFrom('blocks')
    .select((eb) => eb.fn.sum<number | null>('size').as('bytes'))
    .where('space', '=', space)
    .where('staged', '=', 1)
    .where('digest', 'in', (eb) =>
      eb.selectFrom('pieces').select('pieces.digest').where('holder', '=', holder)
    )
    .executeTakeFirstOrThrow()
  return bytes ?? 0
}

export async function releaseBlocks(
  db: Kysely<Schema>,
  { file, from, limit }: Request<'releaseBlocks'>
): Promise<number> {
  const row = await db
    .selectFrom('files')
    .select(['space', 'holder'])
    .where('id', '=', uuidBytes(file))
    .where('state', '=', LIVE)
    .where('counted', '=', 1)
    .executeTakeFirst()
  if (row === undefined || row.holder === null) return 0
  return await releaseStaged(db, row.space, { holder: row.holder, from, limit })
}

export async function settleBlocks(db: Kysely<Schema>, now: number, limit: number): Promise<number> {
  const over = await db
    .selectFrom('blocks')
    .select(['space', 'digest'])
    .where('expires_at', '<=', now)
    .orderBy('expires_at')
    .orderBy('space')
    .orderBy('digest')
    .limit(limit)
    .execute()
  for (const { space, digest } of over) {
    const gone = await db
      .deleteFrom('blocks')
      .where('space', '=', space)
      .where('digest', '=', digest)
      .where('expires_at', '<=', now) // it may have been named meanwhile
      .returning(['digest', 'size'])
      .execute()
    await letGo(db, space, gone)
  }
  return over.length
}

/** Of rows that this transaction has deleted. */
async function letGo(
  db: Kysely<Schema>,
  space: SpaceKey,
  gone: ReadonlyArray<{ digest: Digest; size: number }>
): Promise<void> {
  if (gone.length === 0) return
  await removeReferences(
    db,
    gone.map(({ digest }) => digest)
  )
  const bytes = gone.reduce((sum, { size }) => sum + size, 0)
  await changeStaged(db, space, { bytes: -bytes, blocks: -gone.length })
}

export async function findCommitted(db: Kysely<Schema>, file: FileId): Promise<CommittedVersion | undefined> {
  const row = await db
    .selectFrom('uploads')
    .select(['entry', 'version', 'record'])
    .where('file', '=', uuidBytes(file))
    .where('entry', 'is not', null)
    .executeTakeFirst()
  if (row === undefined || row.entry === null || row.version === null) return undefined
  const path = row.record === null ? null : decodeCommitted(row.record)
  return { entry: entryOf(row.entry), version: row.version, path }
}
