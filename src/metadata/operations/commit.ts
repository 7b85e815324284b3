import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import { MANIFEST_INDEX } from '../../metadata-store.ts'
import type {
  CommitEntry,
  CommitUpload,
  CommittedFile,
  NewLink,
  SpaceKey,
  VersionRef
} from '../../metadata-store.ts'
import type { FileRecord } from '../../types.ts'
import { BLOCKS_PER_PAGE_MAX } from '../../protocol/limits.ts'
import {
  decodeOpened,
  encodeCommitted,
  encodeMetadata,
  encodePassword,
  entryOf,
  hashBytes,
  uuidBytes
} from '../columns.ts'
import type { Schema } from '../schema.ts'
import { releaseStaged, stagedOf } from './blocks.ts'
import { readNumber } from './counters.ts'
import { getFile } from './files.ts'
import { lacksCopies } from './lacking.ts'
import { changeSpace, takeSpace } from './space.ts'
import { NOTHING_TO_RESUME, endedAt, whyNotOpen } from './uploads.ts'
import { addVersion } from './versions.ts'

/** The upload's pieces become the file's as they are: both name the same holder. */
export async function commitUpload(db: Kysely<Schema>, commit: CommitUpload): Promise<CommittedFile> {
  const upload = uuidBytes(commit.upload)
  const file = uuidBytes(commit.file)
  const token = tokenOf(commit)
  const opened = await db
    .selectFrom('uploads')
    .select(['record', 'writer'])
    .where('id', '=', upload)
    .where('state', '=', 'open')
    .executeTakeFirst()
  const closed = await db
    .updateTable('uploads')
    .set({
      state: 'committed',
      ended_at: endedAt(await readNumber(db, 'time')),
      record:
        commit.fromBlocks === undefined || commit.entry === undefined
          ? null
          : encodeCommitted(commit.entry.path),
      ...NOTHING_TO_RESUME,
      file,
      token
    })
    .where('id', '=', upload)
    .where('state', '=', 'open')
    .returning(['holder', 'space', 'reserved'])
    .executeTakeFirst()
  if (closed === undefined || typeof opened?.record !== 'string') return await committedBefore(db, commit)
  if (opened.writer !== (commit.writer ?? null))
    throw new PeerbinError('upload-conflict', 'somebody else writes it')
  await checkPieces(db, closed.holder, commit)
  await checkCopies(db, closed.holder, commit)
  const manifest = await db
    .selectFrom('pieces')
    .select('digest')
    .where('holder', '=', closed.holder)
    .where('idx', '=', MANIFEST_INDEX)
    .executeTakeFirstOrThrow()
  const { metadata, ...named } = decodeOpened(opened.record)
  const { name = named.name, mediaType = named.mediaType, indexBytes, encryption } = commit
  const links = Number(commit.link !== undefined) + Number(commit.entry !== undefined)
  const inserted = await db
    .insertInto('files')
    .values({
      id: file,
      holder: closed.holder,
      space: closed.space,
      state: 'live',
      name,
      size: commit.sizeBytes,
      index_bytes: indexBytes,
      encryption,
      media_type: mediaType,
      sha256: hashBytes(commit.sha256),
      uploaded_at: commit.uploadedAt,
      metadata: encodeMetadata(metadata),
      chunk_count: commit.chunkCount,
      manifest: manifest.digest,
      links,
      link_rows: links
    })
    .onConflict((oc) => oc.column('id').doNothing())
    .executeTakeFirst()
  if (inserted.numInsertedOrUpdatedRows !== 1n) throw new PeerbinError('upload-conflict')
  if (commit.fromBlocks === undefined) await changeSpace(db, closed.space, commit.sizeBytes - closed.reserved)
  else await takeBlocksPlace(db, closed, commit.sizeBytes - closed.reserved, commit.fromBlocks)
  if (commit.link !== undefined) await insertLink(db, commit.link, commit)
  const became = commit.entry && (await makeVersion(db, commit.entry, commit))
  return { ...(await fileThere(db, commit)), ...became }
}

/** Its staged blocks go: those of its first page at once, and the others, which count no more against it, in steps that follow. @throws `space-full` */
async function takeBlocksPlace(
  db: Kysely<Schema>,
  { space, holder }: { space: SpaceKey; holder: number },
  bytes: number,
  { bytesMax }: NonNullable<CommitUpload['fromBlocks']>
): Promise<void> {
  await releaseStaged(db, space, { holder, from: 0, limit: BLOCKS_PER_PAGE_MAX })
  const freed = await stagedOf(db, space, holder)
  await takeSpace(db, { key: space, bytes, bytesMax }, freed)
}

/** The upload remembers it, for whoever asks again. */
async function makeVersion(
  db: Kysely<Schema>,
  entry: CommitEntry,
  commit: CommitUpload
): Promise<VersionRef> {
  const made = await addVersion(db, entry, { id: commit.file, ...commit })
  await db
    .updateTable('uploads')
    .set({ entry: uuidBytes(made.entry), version: made.version })
    .where('id', '=', uuidBytes(commit.upload))
    .execute()
  return made
}

async function fileThere(db: Kysely<Schema>, commit: CommitUpload): Promise<FileRecord> {
  const file = await getFile(db, commit.file)
  if (file === undefined) throw await whyNotOpen(db, uuidBytes(commit.upload))
  return file
}

/** The same commit again answers the same file; anything else is refused. */
async function committedBefore(db: Kysely<Schema>, commit: CommitUpload): Promise<CommittedFile> {
  const upload = uuidBytes(commit.upload)
  const token = tokenOf(commit)
  const same = await db
    .selectFrom('uploads')
    .select(['entry', 'version'])
    .where('id', '=', upload)
    .where('state', '=', 'committed')
    .where('file', '=', uuidBytes(commit.file))
    .where((eb) => (token === null ? eb('token', 'is', null) : eb('token', '=', token)))
    .executeTakeFirst()
  if (same === undefined) throw await whyNotOpen(db, upload)
  const { entry, version } = same
  const isUsers = entry !== null && version !== null
  return { ...(await fileThere(db, commit)), ...(isUsers && { entry: entryOf(entry), version }) }
}

/** Pieces are unique by index, so their number with the least and the greatest index says that none is missing. */
async function checkPieces(db: Kysely<Schema>, holder: number, commit: CommitUpload): Promise<void> {
  const { count, least, greatest, size } = await db
    .selectFrom('pieces')
    .select(({ fn }) => [
      fn.countAll<number>().as('count'),
      fn.min<number | null>('idx').as('least'),
      fn.max<number | null>('idx').as('greatest'),
      fn.sum<number | null>('size').filterWhere('idx', '>=', 0).as('size')
    ])
    .where('holder', '=', holder)
    .executeTakeFirstOrThrow()
  const isComplete =
    Number(count) === commit.chunkCount + 1 &&
    least === MANIFEST_INDEX &&
    greatest === commit.chunkCount - 1 &&
    Number(size) === commit.sizeBytes
  if (!isComplete) throw new PeerbinError('upload-conflict')
  const dead = await db
    .selectFrom('pieces')
    .leftJoin('chunks', (join) =>
      join
        .onRef('chunks.digest', '=', 'pieces.digest')
        .onRef('chunks.generation', '=', 'pieces.generation')
        .on('chunks.state', '=', 'live')
    )
    .select('pieces.idx')
    .where('holder', '=', holder)
    .where('chunks.digest', 'is', null)
    .executeTakeFirst()
  if (dead !== undefined) throw new PeerbinError('upload-conflict')
}

async function checkCopies(db: Kysely<Schema>, holder: number, commit: CommitUpload): Promise<void> {
  const lacking = await db
    .selectFrom('pieces')
    .select('idx')
    .where('holder', '=', holder)
    .where(await lacksCopies(db, commit))
    .limit(1)
    .executeTakeFirst()
  if (lacking !== undefined) throw new PeerbinError('copies-missing')
}

const tokenOf = ({ link }: CommitUpload): Uint8Array | null =>
  link === undefined ? null : hashBytes(link.tokenHash)

/** @throws `upload-conflict` when another one has its token or its delete secret */
export async function insertLink(
  db: Kysely<Schema>,
  link: NewLink,
  {
    file,
    uploadedAt,
    share
  }: Pick<CommitUpload, 'file' | 'uploadedAt'> & { share?: { entry: Uint8Array; version: number } }
): Promise<void> {
  const inserted = await db
    .insertInto('links')
    .values({
      token: hashBytes(link.tokenHash),
      delete_hash: hashBytes(link.deleteHash),
      file: uuidBytes(file),
      state: 'live',
      downloads: link.downloads,
      claimed: 0,
      ended: 0,
      created_at: uploadedAt,
      expires_at: link.expiresAt,
      password: link.password === undefined ? null : encodePassword(link.password),
      proof: link.proofHash === undefined ? null : hashBytes(link.proofHash),
      ...share
    })
    .onConflict((oc) => oc.doNothing()) // of the token, or of the delete secret
    .executeTakeFirst()
  if (inserted.numInsertedOrUpdatedRows !== 1n) throw new PeerbinError('upload-conflict')
}
