/** What the sender of a link asks, who knows its delete secret. */

import type { Kysely, Selectable } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { LinkRecords, SentClaim } from '../../metadata-store.ts'
import type { FileRecord, LinkRecord, SecretHash } from '../../types.ts'
import { checkExtension, extensionRefusal, sentClaimOf } from '../claim-rules.ts'
import { hashBytes } from '../columns.ts'
import type { LinksTable, Schema } from '../schema.ts'
import { storedClaimOf } from './claims.ts'
import { fileOfLink, linkRecordOf } from './links.ts'

/** A slot can be taken and given back between an update and the look why it did nothing. */
const ATTEMPTS_MAX = 8

export const readSentLink = (
  db: Kysely<Schema>,
  deleteHash: SecretHash
): Promise<Selectable<LinksTable> | undefined> =>
  db.selectFrom('links').selectAll().where('delete_hash', '=', hashBytes(deleteHash)).executeTakeFirst()

export async function findSentLink(
  db: Kysely<Schema>,
  deleteHash: SecretHash
): Promise<{ link: LinkRecord; file: FileRecord } | undefined> {
  const row = await readSentLink(db, deleteHash)
  if (row === undefined) return undefined
  const link = linkRecordOf(row)
  return { link, file: await fileOfLink(db, link) }
}

export async function listClaims(
  db: Kysely<Schema>,
  { deleteHash, after, limit }: Parameters<LinkRecords['listClaims']>[0]
): Promise<SentClaim[]> {
  const link = await readSentLink(db, deleteHash)
  if (link === undefined) return []
  const rows = await db
    .selectFrom('claims')
    .selectAll()
    .where('token', '=', link.token)
    .$if(after !== undefined, (query) =>
      query.where((eb) =>
        eb(
          eb.refTuple('claimed_at', 'claim'),
          '<',
          eb.tuple(after?.claimedAt ?? 0, hashBytes(after?.claimHash ?? ''))
        )
      )
    )
    .orderBy('claimed_at', 'desc')
    .orderBy('claim', 'desc')
    .limit(limit)
    .execute()
  return rows.map((row) => sentClaimOf(storedClaimOf(row)))
}

/** The update decides; the row is only read to say why it was not hit, and may have changed in between: then it is tried again. */
export async function extendLink(
  db: Kysely<Schema>,
  request: Parameters<LinkRecords['extendLink']>[0]
): Promise<LinkRecord> {
  const { deleteHash, expiresAt, ttlMaxMs, now } = request
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const extended = await extend(db, request)
    if (extended !== undefined) return linkRecordOf(extended)
    const row = await readSentLink(db, deleteHash)
    if (row === undefined) throw new PeerbinError('link-unknown')
    const link = linkRecordOf(row)
    const refusal = extensionRefusal(link, now)
    if (refusal !== undefined) throw refusal
    checkExtension(link, expiresAt, ttlMaxMs)
    if (link.expiresAt >= expiresAt) return link
  }
  throw new PeerbinError('busy', 'a link changed too often while it was extended')
}

const extend = (
  db: Kysely<Schema>,
  { deleteHash, expiresAt, ttlMaxMs, now }: Parameters<LinkRecords['extendLink']>[0]
): Promise<Selectable<LinksTable> | undefined> =>
  db
    .updateTable('links')
    .set({ expires_at: expiresAt })
    .where('delete_hash', '=', hashBytes(deleteHash))
    .where('state', '=', 'live')
    .where('expires_at', '>', now)
    .where('expires_at', '<', expiresAt)
    .where('created_at', '>=', expiresAt - ttlMaxMs)
    .whereRef('claimed', '<', 'downloads')
    .returningAll()
    .executeTakeFirst()
