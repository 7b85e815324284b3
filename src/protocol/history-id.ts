import { createHash } from 'node:crypto'
import type { HistoryId } from '../types.ts'

/** The id of a record that follows from what it tells of, e.g. (`upload.status`, entry, version, status): written again, it is the same. A UUID of version 4 by its form. */
export function historyIdFrom(...parts: readonly string[]): HistoryId {
  const hex = createHash('sha256').update(JSON.stringify(parts)).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}` as HistoryId
}
