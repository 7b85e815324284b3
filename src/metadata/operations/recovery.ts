/** Files made known again from their manifests, after the machine that knew them was lost. */

import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import { MANIFEST_INDEX } from '../../metadata-store.ts'
import type { AdoptFile, NewLink, SpaceKey } from '../../metadata-store.ts'
import type { ChunkId, PeerId } from '../../types.ts'
import { chunkBytes, encodeMetadata, encodePassword, hashBytes, pieceMark, uuidBytes } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { ATTEMPTS_MAX, LIVE, countReference } from './chunks.ts'
import { findName, nextNumber, raiseNumber, readNumber } from './counters.ts'
import { readLink } from './links.ts'
import { readSentLink } from './sent.ts'
import { changeSpace, makeSpace } from './space.ts'
import { adoptVersion } from './adopt-version.ts'

export async function adoptFile(db: Kysely<Schema>, adopt: AdoptFile): Promise<boolean> {
  const { file, manifest, chunks, link } = adopt
  if (link !== undefined && (await isKnown(db, link))) return false
  const holder = await nextNumber(db, 'holder')
  if (!(await insertFile(db, adopt, holder))) return false
  await changeSpace(db, await spaceFor(db, adopt), file.sizeBytes)
  if (adopt.entry !== undefined) await adoptVersion(db, adopt.entry, file)
  if (link !== undefined) await insertLink(db, link, file)
  const context = { peers: await peersWithOrders(db), readAt: await readNumber(db, 'time') }
  let greatest = 0
  for (const [i, { id, sizeBytes: size, generation: least }] of [manifest, ...chunks].entries()) {
    const digest = chunkBytes(id)
    const generation = await adoptChunk(db, context, { digest, size, generation: least })
    await db
      .insertInto('pieces')
      .values({
        holder,
        idx: MANIFEST_INDEX + i,
        digest,
        generation,
        size,
        mark: pieceMark(spaceOf(adopt), MANIFEST_INDEX + i, digest)
      })
      .execute()
    greatest = Math.max(greatest, generation)
  }
  await raiseNumber(db, 'generation', greatest)
  return true
}

const isKnown = async (db: Kysely<Schema>, link: NewLink): Promise<boolean> =>
  (await readLink(db, link.tokenHash)) !== undefined ||
  (await readSentLink(db, link.deleteHash)) !== undefined

const spaceOf = ({ entry }: AdoptFile): SpaceKey => (entry === undefined ? 'anonymous' : `user:${entry.user}`)

/** With its row. */
async function spaceFor(db: Kysely<Schema>, adopt: AdoptFile): Promise<SpaceKey> {
  const key = spaceOf(adopt)
  await makeSpace(db, key)
  return key
}

/** False when the file is there, whatever its state. */
async function insertFile(db: Kysely<Schema>, adopt: AdoptFile, holder: number): Promise<boolean> {
  const { file, manifest, chunks, link, entry } = adopt
  const versions = Number(entry !== undefined)
  const inserted = await db
    .insertInto('files')
    .values({
      id: uuidBytes(file.id),
      holder,
      space: spaceOf(adopt),
      state: 'live',
      name: file.name,
      size: file.sizeBytes,
      index_bytes: file.indexBytes,
      encryption: file.encryption,
      media_type: file.mediaType,
      sha256: hashBytes(file.sha256),
      uploaded_at: file.uploadedAt,
      metadata: encodeMetadata(file.metadata),
      chunk_count: chunks.length,
      manifest: chunkBytes(manifest.id),
      links: versions + Number(link !== undefined && link.state !== 'revoked'),
      link_rows: versions + Number(link !== undefined)
    })
    .onConflict((oc) => oc.column('id').doNothing())
    .executeTakeFirst()
  return inserted.numInsertedOrUpdatedRows === 1n
}

async function insertLink(
  db: Kysely<Schema>,
  link: NonNullable<AdoptFile['link']>,
  file: AdoptFile['file']
): Promise<void> {
  const { state } = link
  const endedAt = state === 'revoked' ? Math.max(await readNumber(db, 'time'), link.expiresAt) : null
  await db
    .insertInto('links')
    .values({
      token: hashBytes(link.tokenHash),
      delete_hash: hashBytes(link.deleteHash),
      file: uuidBytes(file.id),
      downloads: link.downloads,
      claimed: 0,
      ended: 0,
      created_at: file.uploadedAt,
      expires_at: link.expiresAt,
      state,
      ended_at: endedAt,
      password: link.password === undefined ? null : encodePassword(link.password),
      proof: link.proofHash === undefined ? null : hashBytes(link.proofHash)
    })
    .execute()
}

interface Adopted {
  digest: Uint8Array
  size: number
  /** Greatest that any node reported. */
  generation: number
}

/** What is the same for all chunks of a file. */
interface Context {
  /** Peers that have orders, by number. */
  peers: readonly number[]
  readAt: number
}

/** One more reference on the chunk; one that is not live lives on at the greatest generation that is known of it. */
async function adoptChunk(db: Kysely<Schema>, context: Context, chunk: Adopted): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const counted = await countReference(db, chunk.digest, chunk.size)
    if (counted !== undefined) return counted
    const generation = await goOn(db, context, chunk)
    if (generation === undefined) continue
    // this life is not a new one: orders for it would delete what was just made known
    if (context.peers.length > 0)
      await db
        .deleteFrom('orders')
        .where('peer', 'in', context.peers)
        .where('digest', '=', chunk.digest)
        .where('generation', '>=', generation)
        .execute()
    return generation
  }
  throw new PeerbinError('busy', 'a chunk changed too often while its file was made known')
}

/** Undefined when another transaction made the chunk live first. */
async function goOn(
  db: Kysely<Schema>,
  { readAt }: Context,
  { digest, size, generation }: Adopted
): Promise<number | undefined> {
  const row = { state: 'live', refs: 1, size, copies: 0, read_at: readAt, reads: 0 } as const
  const made = await db
    .insertInto('chunks')
    .values({ digest, generation, ...row })
    .onConflict((oc) => oc.column('digest').doNothing())
    .executeTakeFirst()
  if (made.numInsertedOrUpdatedRows === 1n) return generation
  const living = await db
    .updateTable('chunks')
    .set({
      ...row,
      generation: sql<number>`case when generation > ${generation} then generation else ${generation} end`
    })
    .where('digest', '=', digest)
    .where('state', '=', 'condemned')
    .returning('generation')
    .executeTakeFirst()
  if (living !== undefined) await countCopies(db, digest)
  return living?.generation
}

/** Copies that were recorded of the condemned chunk count again where they are of this generation. */
async function countCopies(db: Kysely<Schema>, digest: Uint8Array): Promise<void> {
  await db
    .updateTable('chunks')
    .set((eb) => ({
      copies: eb
        .selectFrom('copies')
        .select(({ fn }) => fn.countAll<number>().as('n'))
        .whereRef('copies.digest', '=', 'chunks.digest')
        .whereRef('copies.generation', '=', 'chunks.generation')
    }))
    .where('digest', '=', digest)
    .execute()
}

async function peersWithOrders(db: Kysely<Schema>): Promise<number[]> {
  const rows = await db
    .selectFrom('names')
    .select('no')
    .where((eb) =>
      eb.exists(eb.selectFrom('orders').select('orders.peer').whereRef('orders.peer', '=', 'names.no'))
    )
    .execute()
  return rows.map(({ no }) => no)
}

export async function knownChunks(db: Kysely<Schema>, chunks: readonly ChunkId[]): Promise<ChunkId[]> {
  const known: ChunkId[] = []
  for (const chunk of chunks) {
    const row = await db
      .selectFrom('chunks')
      .select('digest')
      .where('digest', '=', chunkBytes(chunk))
      .where('state', '=', LIVE)
      .where('refs', '>', 0)
      .executeTakeFirst()
    if (row !== undefined) known.push(chunk)
  }
  return known
}

export async function orderedChunks(
  db: Kysely<Schema>,
  peer: PeerId,
  chunks: readonly ChunkId[]
): Promise<ChunkId[]> {
  const no = await findName(db, peer)
  if (no === undefined) return []
  const ordered: ChunkId[] = []
  for (const chunk of chunks) {
    const row = await db
      .selectFrom('orders')
      .select('digest')
      .where('peer', '=', no)
      .where('digest', '=', chunkBytes(chunk))
      .executeTakeFirst()
    if (row !== undefined) ordered.push(chunk)
  }
  return ordered
}
