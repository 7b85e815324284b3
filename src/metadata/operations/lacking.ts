/** Which chunks of an upload do not have the copies that a commit asks for. */

import { sql } from 'kysely'
import type { Kysely, RawBuilder, SqlBool } from 'kysely'
import { MANIFEST_INDEX } from '../../metadata-store.ts'
import type { CopiesRule, OwedChunk } from '../../metadata-store.ts'
import type { UploadId } from '../../types.ts'
import { uuidBytes } from '../columns.ts'
import type { Schema } from '../schema.ts'
import { owedOf } from './chunk-records.ts'
import { numbersOf } from './counters.ts'

/**
 * A condition on copies: given by one of these nodes, each named once, in exactly that boot. As a case, not as a list of rows: SQLite makes such a list anew for
 * each piece. The cast is for PostgreSQL, which takes a parameter in a case for text.
 */
export function inBoots(boots: ReadonlyArray<{ peer: number; boot: number }>): RawBuilder<SqlBool> {
  const none = [{ peer: -1, boot: -1 }] // a case has at least one branch
  const branches = (boots.length === 0 ? none : boots).map(
    ({ peer, boot }) => sql`when ${peer} then cast(${boot} as bigint)`
  )
  return sql<SqlBool>`copies.boot = case copies.peer ${sql.join(branches, sql` `)} end`
}

/** A condition on pieces. Only what a node said in its present boot counts: what it said in an earlier life may not be there any more. */
export async function lacksCopies(
  db: Kysely<Schema>,
  { copiesMin, hostsMin, boots }: CopiesRule
): Promise<RawBuilder<SqlBool>> {
  const isSure = inBoots(await numbersOf(db, boots))
  return sql<SqlBool>`(select count(*) < ${copiesMin} or count(distinct copies.host) < ${hostsMin} from copies
    where copies.digest = pieces.digest and copies.generation = pieces.generation and ${isSure})`
}

/** Nothing for an upload that is not open. */
export async function listLacking(
  db: Kysely<Schema>,
  upload: UploadId,
  rule: CopiesRule,
  limit: number,
  from: number = MANIFEST_INDEX
): Promise<OwedChunk[]> {
  const rows = await db
    .selectFrom('uploads')
    .innerJoin('pieces', 'pieces.holder', 'uploads.holder')
    .select(['pieces.digest', 'pieces.generation', 'pieces.size'])
    .distinct()
    .where('uploads.id', '=', uuidBytes(upload))
    .where('uploads.state', '=', 'open')
    .where('pieces.idx', '>=', from)
    .where(await lacksCopies(db, rule))
    .orderBy('pieces.digest')
    .limit(limit)
    .execute()
  return await owedOf(db, rows)
}
