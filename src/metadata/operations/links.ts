import { sql } from 'kysely'
import type { Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { FoundLink, LinkRecords } from '../../metadata-store.ts'
import { sameHash } from '../../protocol/secrets.ts'
import type { FileId, FileRecord, LinkRecord, PasswordRecord, SecretHash } from '../../types.ts'
import type { Locks } from '../claim-rules.ts'
import { decodePassword, fileOf, hashBytes, hashOf, uuidBytes } from '../columns.ts'
import type { LinksTable, Schema } from '../schema.ts'
import { noteLink } from './event-notes.ts'
import { getFile } from './files.ts'

export const linkRecordOf = (row: Selectable<LinksTable>): LinkRecord => ({
  tokenHash: hashOf(row.token),
  fileId: fileOf(row.file),
  state: row.state,
  downloads: row.downloads,
  claimed: row.claimed,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  isProtected: row.password !== null,
  needsProof: row.proof !== null
})

export const passwordOf = ({ password }: Selectable<LinksTable>): PasswordRecord | null =>
  password === null ? null : decodePassword(password)

/** What it asks of whoever claims it. */
export const locksOf = (row: Selectable<LinksTable>): Locks => ({
  password: passwordOf(row),
  proofHash: row.proof === null ? null : hashOf(row.proof)
})

export const readLink = (
  db: Kysely<Schema>,
  tokenHash: SecretHash
): Promise<Selectable<LinksTable> | undefined> =>
  db.selectFrom('links').selectAll().where('token', '=', hashBytes(tokenHash)).executeTakeFirst()

/** A file is kept as long as any of its links. */
export async function fileOfLink(db: Kysely<Schema>, link: LinkRecord): Promise<FileRecord> {
  const file = await getFile(db, link.fileId)
  if (file === undefined) throw new PeerbinError('internal', 'a link without a file')
  return file
}

export async function findLink(db: Kysely<Schema>, tokenHash: SecretHash): Promise<FoundLink | undefined> {
  const row = await readLink(db, tokenHash)
  if (row === undefined) return undefined
  const link = linkRecordOf(row)
  return { link, file: await fileOfLink(db, link), password: passwordOf(row) }
}

export async function revokeLink(
  db: Kysely<Schema>,
  { tokenHash, deleteHash, now, by }: Parameters<LinkRecords['revokeLink']>[0]
): Promise<LinkRecord> {
  const row = await readLink(db, tokenHash)
  if (row === undefined) throw new PeerbinError('link-unknown')
  if (!sameHash(hashOf(row.delete_hash), deleteHash)) throw new PeerbinError('delete-forbidden')
  const token = row.token
  const revoked = await revokeNow(db, token, now)
  if (revoked !== undefined)
    await noteLink(db, revoked, linkRecordOf(revoked), { type: 'file.unshared', at: now, by })
  return linkRecordOf(revoked ?? (await readLink(db, tokenHash)) ?? row)
}

/** Undefined when it is at its end already. */
export async function revokeNow(
  db: Kysely<Schema>,
  token: Uint8Array,
  now: number
): Promise<Selectable<LinksTable> | undefined> {
  const revoked = await db
    .updateTable('links')
    .set(endOf('revoked', now))
    .where('token', '=', token)
    .where('state', 'in', ['live', 'suspended'])
    .returningAll()
    .executeTakeFirst()
  if (revoked === undefined) return undefined
  await countEndedLink(db, fileOf(revoked.file))
  await endClaims(db, token, now)
  return revoked
}

/** Running leases and graces of a link end now; what ran out before ended then. */
async function endClaims(db: Kysely<Schema>, token: Uint8Array, now: number): Promise<void> {
  await db
    .updateTable('claims')
    .set((eb) => ({ lease_until: now, version: eb('version', '+', 1) }))
    .where('token', '=', token)
    .where('ended', '=', 0)
    .where('lease_until', '>', now)
    .execute()
  await db
    .updateTable('claims')
    .set((eb) => ({
      state: 'consumed',
      consumed_at: eb.ref('lease_until'),
      version: eb('version', '+', 1)
    }))
    .where('token', '=', token)
    .where('state', '=', 'claimed')
    .execute()
}

/** What a link that ends is set to. Its tombstone ages from the later of end and expiry, as that is on the row: the link may have been extended since it was read. */
export const endOf = (state: 'consumed' | 'expired' | 'revoked', now: number) => ({
  state,
  ended_at: sql<number>`case when expires_at > ${now} then expires_at else ${now} end`
})

/** A link of the file has come to its end. */
export async function countEndedLink(db: Kysely<Schema>, file: FileId): Promise<void> {
  await db
    .updateTable('files')
    .set((eb) => ({ links: eb('links', '-', 1) }))
    .where('id', '=', uuidBytes(file))
    .execute()
}
