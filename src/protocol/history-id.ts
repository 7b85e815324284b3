import { createHash } from 'node:crypto'
import { uuidOf } from '../runtime/random.ts'
import type { HistoryId } from '../types.ts'

/** The id of a record that follows from what it tells of, e.g. (`upload.status`, entry, version, status): written again, it is the same. */
export const historyIdFrom = (...parts: readonly string[]): HistoryId =>
  uuidOf(createHash('sha256').update(JSON.stringify(parts)).digest().subarray(0, 16)) as HistoryId
