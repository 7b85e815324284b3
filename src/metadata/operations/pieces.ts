import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'
import { removeReferences } from './chunks.ts'

/**
 * Drops the first pieces of a holder. A piece and its reference go together: whoever deleted the row takes the reference off. Says how many they were, and
 * whether none is left.
 */
export async function dropPieces(
  db: Kysely<Schema>,
  holder: number,
  limit: number
): Promise<{ count: number; isLast: boolean }> {
  const page = await db
    .selectFrom('pieces')
    .select('idx')
    .where('holder', '=', holder)
    .orderBy('idx')
    .limit(limit)
    .execute()
  const last = page.at(-1)
  if (last === undefined) return { count: 0, isLast: true }
  const gone = await db
    .deleteFrom('pieces')
    .where('holder', '=', holder)
    .where('idx', '<=', last.idx)
    .returning('digest')
    .execute()
  await removeReferences(
    db,
    gone.map(({ digest }) => digest)
  )
  const left = await db
    .selectFrom('pieces')
    .select('idx')
    .where('holder', '=', holder)
    .limit(1)
    .executeTakeFirst()
  return { count: gone.length, isLast: left === undefined }
}
