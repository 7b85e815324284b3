/** Versions of users' files that were found by their manifests. */

import type { Kysely } from 'kysely'
import { PeerbinError } from '../../errors.ts'
import type { AdoptEntry } from '../../metadata-store.ts'
import { uuidBytes } from '../columns.ts'
import { placesFor } from '../entry-rules.ts'
import type { Schema } from '../schema.ts'
import { LIVE } from './chunks.ts'
import { readNumber } from './counters.ts'
import { laterOf } from './entries.ts'
import { noteFile } from './event-notes.ts'
import { isBlocked } from './paths.ts'
import { FAILED, entryAt, insertVersion } from './versions.ts'
import type { Content } from './versions.ts'

type Id = Uint8Array

/** A version found by its manifest: it joins its entry, or the one at its path. */
export async function adoptVersion(db: Kysely<Schema>, adopt: AdoptEntry, file: Content): Promise<void> {
  const { id, user, version, expiresAt } = adopt
  const itself = await db
    .selectFrom('entries')
    .select('id')
    .where('id', '=', uuidBytes(id))
    .where('owner', '=', uuidBytes(user))
    .where('state', '=', LIVE)
    .executeTakeFirst()
  const entry = itself?.id ?? (await placeFor(db, adopt, file))
  const taken = await db
    .selectFrom('versions')
    .select('number')
    .where('entry', '=', entry)
    .where('number', '=', version)
    .executeTakeFirst()
  const before = await db.selectFrom('entries').selectAll().where('id', '=', entry).executeTakeFirstOrThrow()
  const number = taken === undefined ? version : before.last + 1
  await insertVersion(db, before, {
    number,
    status: 'cached',
    file: uuidBytes(file.id),
    uploaded_at: file.uploadedAt,
    attempts: 1
  })
  const shown = await db
    .selectFrom('versions')
    .select('uploaded_at')
    .where('entry', '=', entry)
    .where('number', '=', before.shown)
    .where('file', 'is not', null)
    .executeTakeFirst()
  const isNewer = shown === undefined || (shown.uploaded_at - file.uploadedAt || before.shown - number) < 0
  await db
    .updateTable('entries')
    .set({
      last: Math.max(before.last, number),
      ...(isNewer && {
        shown: number,
        stored: 1,
        failed: await failedAfter(db, entry, number),
        size: file.sizeBytes,
        changed_at: laterOf('changed_at', file.uploadedAt),
        expires_at: expiresAt
      })
    })
    .where('id', '=', entry)
    .execute()
  // whoever listed the files while they were being found learns of those that came later
  const at = await readNumber(db, 'time')
  const type = before.stored === 0 ? 'file.added' : 'file.edited'
  if (isNewer) await noteFile(db, entry, { type, at })
}

/** The newest that failed after a version; 0: none did. */
async function failedAfter(db: Kysely<Schema>, entry: Id, number: number): Promise<number> {
  const row = await db
    .selectFrom('versions')
    .select('number')
    .where('entry', '=', entry)
    .where('number', '>', number)
    .where('status', '=', FAILED)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.number ?? 0
}

/** At its path, or beside it where that cannot be; under its id, or the file's where that is taken. */
async function placeFor(db: Kysely<Schema>, { id, user, path }: AdoptEntry, file: Content): Promise<Id> {
  const owner = uuidBytes(user)
  const isTaken = await db
    .selectFrom('entries')
    .select('id')
    .where('id', '=', uuidBytes(id))
    .executeTakeFirst()
  const free = uuidBytes(isTaken === undefined ? id : file.id)
  for (const place of placesFor(path, file.id))
    if (!(await isBlocked(db, owner, place))) return await entryAt(db, free, owner, place, file.uploadedAt)
  throw new PeerbinError('path-conflict')
}
